"""File to pixels: the only place that opens image files.

Whatever the file holds (palette, gray, 16 or 32 bits, floating point, CMYK, transparency, animation, a color profile, a
camera's orientation flag), what comes out is uint8 (H, W, 3), red, green, blue in sRGB, upright, the first frame, over
white.

`read_image` reads the bytes and the header, then takes one of two ways, chosen by the content and the preprocessing
alone, so the same file always gives the same pixels:

    undamaged JPEG, gray or color            -> `decoding.jpeg`, simplejpeg, at a reduced size where that suffices
    everything else, through Pillow          -> `decoding.upright`
    HEIC                                     -> the same, but pillow-heif has turned the image already

Of the preprocessing it asks only how far the image will be shrunk. `fitted` does both, for every command.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tellapart.data.decoding.deep_color import brightened, raw_mode
from tellapart.data.decoding.header import open_header, orientation_of, upright_size
from tellapart.data.decoding.jpeg import decode_plain, is_plain, reduction_of, without_rest
from tellapart.data.decoding.levels import DEEP_MODES
from tellapart.data.decoding.limits import LARGEST_FILE, refuse_costly
from tellapart.data.decoding.profiles import pixels_to_srgb
from tellapart.data.decoding.upright import as_stored, turned, upright_rgb
from tellapart.data.foreign_content import foreign_content
from tellapart.data.types import ImageShape, Pixels
from tellapart.errors import DataError, PictureError
from tellapart.paths import no_such_picture
from tellapart.untrusted.large_images import wait_until_alone
from tellapart.untrusted.regular_file import open_regular, read_regular

if TYPE_CHECKING:
    from PIL import Image

    from tellapart.data.preprocess import Preprocessing

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".gif",
        ".bmp",
        ".dib",
        ".webp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".avif",
        ".heic",
        ".heif",
        ".hif",
        ".tga",
    }
)
"""Suffixes, lower case, of the files that count as images in a folder."""

Seen = TypeVar("Seen")

_GRAY_MODES = frozenset({"1", "L", "LA", "La", *DEEP_MODES} - {"F"})


class DecodedImage(NamedTuple):
    """One image's pixels, and what its header and levels said."""

    pixels: Pixels
    """(h, w, 3 or 1) uint8, upright, contiguous; of a large JPEG perhaps a reduced size."""

    size: tuple[int, int]
    """Height and width of the whole upright image, in its own pixels."""

    note: str = ""
    """How levels were interpreted that the file does not define; the same words for all pictures of a kind."""


def decode(source: str | os.PathLike[str] | bytes, preprocessing: Preprocessing | None = None) -> Pixels:
    """Decode one image: the pixels of `read_image`."""
    return read_image(source, preprocessing).pixels


def read_image(
    source: str | os.PathLike[str] | bytes, preprocessing: Preprocessing | None = None
) -> DecodedImage:
    """Decode one image.

    Args:
        source: a path, or the bytes of a file.
        preprocessing: what the pixels are for; a large JPEG is decoded no larger than that needs. Default: all pixels.

    Returns:
        Its pixels, (h, w, 3), its size, and a note.

    Raises:
        PictureError: missing, empty, truncated, too large, or not an image; it names file and reason.
    """
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    encoded = _read_bytes(source, name)
    try:
        return _decode(encoded, preprocessing)
    except PictureError as reason:
        raise PictureError(f"{name}: {reason}") from None
    except Exception as reason:  # A decoder fed with damaged bytes raises nearly anything.
        if foreign := foreign_content(encoded):
            raise PictureError(f"{name}: {foreign}") from reason
        raise PictureError(f"{name}: not a readable picture ({_message_of(reason)}).") from reason


def image_shape(source: str | os.PathLike[str] | bytes) -> ImageShape:
    """Return height, width and channels (1 where the file is gray, else 3) of the upright image, from the header.

    Raises:
        PictureError: the header cannot be read.
    """
    return _seen_in_header(
        source, lambda image: (*upright_size(image), 1 if image.mode in _GRAY_MODES else 3)
    )


def image_mode(source: str | os.PathLike[str] | bytes) -> str:
    """Return Pillow's name for what the pixels are, from the header: RGB, L (gray), RGBA, P, CMYK, I;16, ...

    Raises:
        PictureError: the header cannot be read.
    """
    return _seen_in_header(source, lambda image: image.mode)


def _seen_in_header(source: str | os.PathLike[str] | bytes, look: Callable[[Image.Image], Seen]) -> Seen:
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
            return look(open_header(file))
    except PictureError as reason:
        raise PictureError(f"{name}: {reason}") from None
    except Exception as reason:
        raise PictureError(f"{name}: not a readable picture ({_message_of(reason)}).") from reason


def _read_bytes(source: str | os.PathLike[str] | bytes, name: str) -> bytes:
    if isinstance(source, bytes):
        encoded = source
    else:
        try:
            encoded = read_regular(source, LARGEST_FILE)
        except FileNotFoundError as reason:
            raise PictureError(no_such_picture(Path(source))) from reason
        except OSError as reason:
            raise PictureError(f"{name}: {reason.strerror or reason}.") from reason
    if not encoded:
        raise PictureError(f"{name}: an empty file (0 bytes).")
    return encoded


def _decode(encoded: bytes, preprocessing: Preprocessing | None) -> DecodedImage:
    with open_header(io.BytesIO(encoded)) as image:
        stored_size = image.size
        reduction = reduction_of(image, preprocessing)
        refuse_costly(image, encoded, reduction)
        width, height = (-(-side // reduction) for side in stored_size)
        wait_until_alone(width * height)
        reading = "exact" if preprocessing is None else preprocessing.reading
        if is_plain(image, reading):
            pixels = decode_plain(encoded, (height, width), reading)
            if pixels is not None:
                pixels = pixels_to_srgb(
                    without_rest(pixels, stored_size, reduction), image.info.get("icc_profile")
                )
                return DecodedImage(turned(pixels, orientation_of(image)), upright_size(image))
        if reduction > 1:
            image.draft(None, (stored_size[0] // reduction, stored_size[1] // reduction))
        pixels, note = _through_pillow(image, encoded)
        if reduction > 1:
            stored = without_rest(as_stored(pixels, orientation_of(image)), stored_size, reduction)
            pixels = turned(stored, orientation_of(image))
        return DecodedImage(pixels, upright_size(image, stored_size), note)


def _through_pillow(image: Image.Image, encoded: bytes) -> tuple[Pixels, str]:
    raw = raw_mode(image)
    image.load()
    shown, dark_note = brightened(image, raw, encoded)
    if shown is image:
        return upright_rgb(image, encoded)
    shown.info["icc_profile"] = image.info.get("icc_profile")
    return turned(upright_rgb(shown)[0], orientation_of(image)), dark_note


def _message_of(reason: Exception) -> str:
    """Return an exception's message without Pillow's mention of an in-memory file object."""
    words = str(reason).strip() or type(reason).__name__
    return "no known picture format" if words.startswith("cannot identify image file") else words


def load_image(
    image: Any, index: int = 0, preprocessing: Preprocessing | None = None
) -> tuple[str, DecodedImage]:
    """Load one image to predict or explain, from a file or an array.

    Args:
        image: a path, a uint8 array (H, W), (H, W, 1) or (H, W, 3), a PIL image, or the bytes of a file.
        index: the number in the name of what is no file.
        preprocessing: as in `read_image`.

    Returns:
        Its name, and its pixels, size and note.

    Raises:
        PictureError: the file cannot be decoded.
        DataError: the array has another type or shape.
    """
    from PIL import Image

    if isinstance(image, np.ndarray):
        pixels = _with_channels(image)
        return name_of(image, index), DecodedImage(pixels, pixels.shape[:2])
    if isinstance(image, str | Path):
        return str(image), read_image(Path(image), preprocessing)
    if isinstance(image, bytes):
        return name_of(image, index), read_image(image, preprocessing)
    if isinstance(image, Image.Image):
        pixels, note = upright_rgb(image)
        return name_of(image, index), DecodedImage(pixels, pixels.shape[:2], note)
    raise DataError(f"A picture is a file's path, a uint8 array or a PIL image; got {type(image).__name__}.")


def name_of(image: Any, index: int) -> str:
    """Return what a picture in memory is called: by its number, or a PIL image opened from a file by that file."""
    return getattr(image, "filename", "") or f"picture {index}"


def _with_channels(array: NDArray[Any]) -> Pixels:
    image = array[..., None] if array.ndim == 2 else array
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise DataError(
            f"A picture as an array is uint8 (height, width), or with 1 or 3 channels at the end; "
            f"got {array.dtype} {array.shape}."
        )
    return image
