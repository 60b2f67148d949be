"""File to pixels: the only place that opens image files.

Whatever the file holds (palette, gray, 16 bits, CMYK, transparency, animation, a camera's orientation flag),
what comes out is uint8 (H, W, 3), red, green, blue, upright, the first frame, over white.

`decode` reads the bytes (`_read_bytes`) and the header (`_open_header`), then takes one of two ways, chosen by
the content alone, so the same file always gives the same pixels:

    upright, undamaged JPEG, gray or color   -> `_decode_plain_jpeg`, simplejpeg
    everything else, through Pillow          -> `_upright_rgb`, which applies the orientation flag of EXIF
    HEIC                                     -> the same, but pillow-heif has turned the image already

`images` calls `decode` for a data set, `load_image` for one image to predict; `preprocess` comes next.
Color profiles are not applied. Knows nothing of the size a network wants.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import ImageShape, Pixels
from tellapart.errors import DataError, MissingExtraError, PictureError
from tellapart.paths import no_such_picture
from tellapart.untrusted.large_images import wait_until_alone
from tellapart.untrusted.regular_file import open_regular, read_regular

if TYPE_CHECKING:
    from PIL import Image

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

LARGEST_FILE = 300_000_000
"""Bytes of an image file: a bitmap of LARGEST_PIXELS takes less."""

LARGEST_PIXELS = 80_000_000
"""Height times width: a small file may unpack into gigabytes. Of these, 560 MB: with what is imported for a training,
just less than one."""

_BYTES_EACH = {"WEBP": 16, "JPEG2000": 24, "AVIF": 10, "HEIF": 11, "progressive JPEG": 12}
"""What a pixel takes at most while it is decoded, where that is more than _USUAL_BYTES: with fewer pixels these take no
more memory than others. Measured on images of 89 million pixels, for which a process grew by 1,370, 1,650, 800 and
1,030 MB (HEIF, which nothing here writes, is estimated); all other formats took 600 to 620."""

_USUAL_BYTES = 7
"""Three of the result, four of Pillow's image."""

_MOST_SCANS, _MOST_SCANNED = 1_000, 2_000_000_000
"""Of a JPEG: scans, and pixels that they go over. Photos have about ten; each may be a few bytes for all the image."""

_CONVERTED_AT_ONCE = 250_000
"""Pixels."""

_FORMATS = (
    "JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "AVIF", "TGA", "JPEG2000", "ICO", "PCX"
)  # fmt: skip
"""Formats that Pillow itself decodes. Of the others, some start programs (PostScript) or are never photos."""

_ORIENTATION_TAG = 0x0112
_TURNED_BY_READER = frozenset({"TIFF", "HEIF"})
"""Formats whose reader already gives the size of the upright image."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEADER_BYTES = 128
"""Enough for the list of brands in a HEIF file's first box."""

_GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"})


def decode(source: str | os.PathLike[str] | bytes) -> Pixels:
    """Decode one image.

    Args:
        source: a path, or the bytes of a file.

    Returns:
        (H, W, 3) uint8, contiguous.

    Raises:
        PictureError: missing, empty, truncated, too large, or not an image; it names file and reason.
    """
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    encoded = _read_bytes(source, name)
    try:
        return _decode(encoded)
    except PictureError as reason:
        raise PictureError(f"{name}: {reason}") from None
    except Exception as reason:  # A decoder fed with damaged bytes raises nearly anything.
        raise PictureError(f"{name}: not a readable picture ({_message_of(reason)}).") from reason


def image_shape(source: str | os.PathLike[str] | bytes) -> ImageShape:
    """Return height, width and channels (1 where the file is gray, else 3) of the upright image, from the header.

    Raises:
        PictureError: the header cannot be read.
    """
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
            image = _open_header(file)
            width, height = image.size
            if image.format not in _TURNED_BY_READER and _orientation(image) >= 5:
                width, height = height, width
            return height, width, 1 if image.mode in _GRAY_MODES else 3
    except PictureError as reason:
        raise PictureError(f"{name}: {reason}") from None
    except Exception as reason:
        raise PictureError(f"{name}: not a readable picture ({_message_of(reason)}).") from reason


def image_mode(source: str | os.PathLike[str] | bytes) -> str:
    """Return Pillow's name for what the pixels are, from the header: RGB, L (gray), RGBA, P, CMYK, I;16, ...

    Raises:
        PictureError: the header cannot be read.
    """
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
            return _open_header(file).mode
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


def _open_header(file: IO[bytes]) -> Image.Image:
    """Read the header. pillow-heif is imported for HEIC files alone.

    Raises:
        PictureError: Pillow refuses even the header of an image beyond twice its own limit, or a HEIC file needs
            the package that reads it.
    """
    from PIL import Image

    beginning = file.read(_HEADER_BYTES)
    file.seek(0)
    if _is_heif(beginning):
        return _open_heic(file)
    try:
        return Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError as reason:
        pixels = re.search(r"\d+", str(reason))
        raise _too_large_error(f"{int(pixels[0]):,}" if pixels else "too many", LARGEST_PIXELS) from reason


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


def _too_large_error(size: str, most: int, of_what: str = "") -> PictureError:
    return PictureError(
        f"too large: {size} pixels; at most {most:,}{of_what} are read. Save it in a smaller size first."
    )


def _decode(encoded: bytes) -> Pixels:
    with _open_header(io.BytesIO(encoded)) as image:
        width, height = image.size
        _refuse_costly(image, encoded)
        wait_until_alone(width * height)
        if image.format == "JPEG" and image.mode in ("RGB", "L") and _orientation(image) == 1:
            pixels = _decode_plain_jpeg(encoded)
            if pixels is not None:
                return pixels
        image.load()
        return _upright_rgb(image)


def _refuse_costly(image: Image.Image, encoded: bytes) -> None:
    width, height = image.size
    kind = "progressive JPEG" if image.info.get("progressive") else image.format or ""
    most = LARGEST_PIXELS * _USUAL_BYTES // _BYTES_EACH.get(kind, _USUAL_BYTES)
    if width * height > most:
        raise _too_large_error(f"{width} x {height}", most, f" of {kind}" if kind in _BYTES_EACH else "")
    scans = encoded.count(b"\xff\xda") if "progressive" in image.info else 0
    if scans > _MOST_SCANS or scans * width * height > _MOST_SCANNED:
        raise PictureError(
            f"a JPEG with {scans:,} scans; photos have about ten. Save it again with an image editor."
        )


def _decode_plain_jpeg(encoded: bytes) -> Pixels | None:
    """Decode the fast way; None where the file has a flaw, however small, which is left to Pillow."""
    import simplejpeg

    try:
        return np.ascontiguousarray(simplejpeg.decode_jpeg(encoded, colorspace="RGB", strict=True))
    except ValueError:
        return None


def _orientation(image: Image.Image) -> int:
    """Return the camera's orientation flag, 1 (upright) to 8; 1 where it is absent, invalid, or applied already."""
    if image.format == "HEIF":  # pillow-heif has turned it by the file's own box, as the standard wants
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # A damaged EXIF block is no reason to lose the picture.
        return 1
    return value if value in range(1, 9) else 1


def _upright_rgb(image: Image.Image) -> Pixels:
    """Turn a loaded image upright, and to 8 bits of red, green and blue over white: (H, W, 3).

    Some rows at a time: conversions copy what they are given.
    """
    orientation = _orientation(image)
    width, height = image.size
    upright = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(upright, orientation)
    rows = max(1, _CONVERTED_AT_ONCE // max(width, 1))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = _rgb(image.crop((0, top, width, bottom)))
    return upright


def _as_stored(upright: Pixels, orientation: int) -> Pixels:
    """Return a view of an upright image in which its pixels lie as the camera stored them."""
    view = upright.swapaxes(0, 1) if orientation >= 5 else upright
    if orientation in (3, 4, 6, 7):
        view = view[::-1]
    return view[:, ::-1] if orientation in (2, 3, 7, 8) else view


def _rgb(image: Image.Image) -> Pixels:
    """Return 8 bits of red, green and blue over white."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = _from_16_bits(image)
    elif image.mode == "F":
        raise PictureError("floating-point pixels, whose white is not defined. Save it with 8 or 16 bits.")
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255, rounded; Pillow's own conversion would clip everything above 255."""
    from PIL import Image

    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise PictureError(
            f"gray levels {levels.min()} to {levels.max()}; at most 16 bits (0 to 65535) are read."
        )
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def _message_of(reason: Exception) -> str:
    """Return an exception's message without Pillow's mention of an in-memory file object."""
    words = str(reason).strip() or type(reason).__name__
    return "no known picture format" if words.startswith("cannot identify image file") else words


def load_image(image: Any, index: int = 0) -> tuple[str, Pixels]:
    """Load one image to predict or explain, from a file or an array.

    Args:
        image: a path, a uint8 array (H, W), (H, W, 1) or (H, W, 3), or a PIL image.
        index: the number in an array's name.

    Returns:
        Its name, and (height, width, 1 or 3) uint8, turned upright.

    Raises:
        PictureError: the file cannot be decoded.
        DataError: the array has another type or shape.
    """
    from PIL import Image

    if isinstance(image, np.ndarray):
        return f"picture {index}", _with_channels(image)
    if isinstance(image, str | Path):
        return str(image), decode(Path(image))
    if isinstance(image, Image.Image):
        return f"picture {index}", _upright_rgb(image)
    raise DataError(f"A picture is a file's path, a uint8 array or a PIL image; got {type(image).__name__}.")


def _with_channels(array: NDArray[Any]) -> Pixels:
    image = array[..., None] if array.ndim == 2 else array
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise DataError(
            f"A picture as an array is uint8 (height, width), or with 1 or 3 channels at the end; "
            f"got {array.dtype} {array.shape}."
        )
    return image
