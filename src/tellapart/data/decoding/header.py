"""Headers: format, size and orientation of an image file, before its pixels are unpacked."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from tellapart.data.decoding.limits import too_large_error
from tellapart.errors import MissingExtraError, PictureError

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = (
    "JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "AVIF", "TGA", "JPEG2000", "ICO", "PCX"
)  # fmt: skip
"""Formats that Pillow itself decodes. Of the others, some start programs (PostScript) or are never photos."""

_ORIENTATION_TAG = 0x0112
_TURNED_BY_READER = frozenset({"TIFF", "HEIF"})
"""Formats whose reader already gives the size of the upright image."""

_JPEG_BEGINNING = b"\xff\xd8\xff"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEADER_BYTES = 128
"""Enough for the list of brands in a HEIF file's first box."""


def open_header(file: IO[bytes]) -> Image.Image:
    """Read the header. pillow-heif is imported for HEIC files alone.

    Raises:
        PictureError: Pillow refuses even the header of an image beyond twice its own limit, or a HEIC file needs
            the package that reads it.
    """
    from PIL import Image

    beginning = file.read(_HEADER_BYTES)
    file.seek(0)
    if beginning.startswith(_JPEG_BEGINNING):
        return _open_jpeg(file)
    if _is_heif(beginning):
        return _open_heic(file)
    try:
        return Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError as reason:
        pixels = re.search(r"\d+", str(reason))
        raise too_large_error(f"{int(pixels[0]):,}" if pixels else "too many") from reason


def _open_jpeg(file: IO[bytes]) -> Image.Image:
    """Open a JPEG of any size: it can be decoded at a reduced one, while `Image.open` refuses beyond its own limit."""
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        return JpegImageFile(file)
    except SyntaxError as reason:
        raise PictureError("a damaged JPEG: not even its header can be read.") from reason


def _open_heic(file: IO[bytes]) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as reason:
        raise PictureError(str(MissingExtraError("pillow-heif", "heic", "A HEIC photo"))) from reason
    return HeifImageFile(file)


def _is_heif(beginning: bytes) -> bool:
    """Return whether the brands in a file's first box include HEVC; AVIF has a box of the same kind."""
    if beginning[4:8] != b"ftyp":
        return False
    box = beginning[: int.from_bytes(beginning[:4], "big")]
    return any(box[place : place + 4] in _HEIF_BRANDS for place in range(8, len(box), 4))


def orientation_of(image: Image.Image) -> int:
    """Return the camera's orientation flag, 1 (upright) to 8; 1 where it is absent, invalid, or applied already."""
    if image.format == "HEIF":  # pillow-heif has turned it by the file's own box, as the standard wants
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # A damaged EXIF block is no reason to lose the picture.
        return 1
    return value if value in range(1, 9) else 1


def upright_size(image: Image.Image, stored: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return height and width of the upright image.

    For the orientation, Pillow unpacks a whole PNG: ask only after `limits.refuse_costly`.

    Args:
        image: its header.
        stored: width and height as they are stored, where the image is being decoded at a reduced size.
    """
    width, height = stored or image.size
    is_turned = image.format not in _TURNED_BY_READER and orientation_of(image) >= 5
    return (width, height) if is_turned else (height, width)
