"""Limits: how large an image may be, so that decoding it never takes the machine's memory or minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

LARGEST_FILE = 300_000_000
"""Bytes of an image file: a bitmap of LARGEST_PIXELS takes less."""

LARGEST_PIXELS = 80_000_000
"""Height times width: a small file may unpack into gigabytes. Of these, 560 MB: with what is imported for a training,
just less than one."""

USUAL_BYTES = 7
"""What a pixel takes while it is decoded: three of the result, four of Pillow's image."""

_BYTES_EACH = {"WEBP": 16, "JPEG2000": 24, "AVIF": 10, "HEIF": 11}
"""What a pixel takes at most where that is more than USUAL_BYTES: with fewer pixels these take no more memory than
others. Measured on images of 89 million pixels, for which a process grew by 1,370, 1,650, 800 and 1,030 MB (HEIF, which
nothing here writes, is estimated); all other formats took 600 to 620."""

_PROGRESSIVE_BYTES = 5
"""More for each pixel of a progressive JPEG, at whatever scale it is decoded: it keeps all its coefficients."""

_MOST_SCANS, _MOST_SCANNED = 1_000, 2_000_000_000
"""Of a JPEG: scans, and pixels that they go over. Photos have about ten; each may be a few bytes for all the image."""


def too_large_error(size: str, most: int | None = None, of_what: str = "") -> PictureError:
    """Return the error for an image of so many pixels; where `most` is None, LARGEST_PIXELS are allowed."""
    allowed = LARGEST_PIXELS if most is None else most
    return PictureError(
        f"too large: {size} pixels; at most {allowed:,}{of_what} are read. Save it in a smaller size first."
    )


def fits(image: Image.Image, reduction: int = 1) -> bool:
    """Return whether an image may be decoded.

    Args:
        image: its header.
        reduction: by which both sides are divided while decoding; JPEGs alone can have another than 1.
    """
    return _bytes_needed(image, reduction) <= LARGEST_PIXELS * USUAL_BYTES


def refuse_costly(image: Image.Image, encoded: bytes, reduction: int) -> None:
    """Raise if decoding an image would take too much memory or time.

    Args:
        image: its header.
        encoded: the file.
        reduction: as in `fits`.

    Raises:
        PictureError: with the limit.
    """
    width, height = image.size
    if not fits(image, reduction):
        each = _bytes_needed(image, reduction) / (width * height)
        kind = "progressive JPEG" if _is_progressive(image) else image.format
        of_what = f" of {kind}" if _is_progressive(image) or kind in _BYTES_EACH else ""
        raise too_large_error(f"{width} x {height}", int(LARGEST_PIXELS * USUAL_BYTES // each), of_what)
    scans = encoded.count(b"\xff\xda") if _is_progressive(image) else 0
    if scans > _MOST_SCANS or scans * width * height > _MOST_SCANNED:
        raise PictureError(
            f"a JPEG with {scans:,} scans; photos have about ten. Save it again with an image editor."
        )


def _bytes_needed(image: Image.Image, reduction: int) -> int:
    width, height = image.size
    each = _BYTES_EACH.get(image.format or "", USUAL_BYTES)
    coefficients = _PROGRESSIVE_BYTES * width * height if _is_progressive(image) else 0
    return each * -(-width // reduction) * -(-height // reduction) + coefficients


def _is_progressive(image: Image.Image) -> bool:
    return bool(image.info.get("progressive"))
