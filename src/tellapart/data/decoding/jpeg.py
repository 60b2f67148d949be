"""JPEG at the smallest scale that suffices: libjpeg reconstructs 1/2, 1/4 or 1/8 of the pixels from the coefficients.

Of each block of 8 x 8 pixels it takes the lowest frequencies, which is a mean without aliasing and costs less than all
pixels. 200 photos at a fifth of their size came out 1.8 levels from exact reading in the mean (0.7 without the
reduction, by the place of the pixels alone), and 174 instead of 177 were recognized as cat or dog; at a tenth, 146
instead of 147 (`benchmarks/reduced_decoding.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tellapart.data.decoding.header import orientation_of, upright_size
from tellapart.data.decoding.limits import fits
from tellapart.data.types import Pixels

if TYPE_CHECKING:
    from PIL import Image

    from tellapart.data.preprocess import Preprocessing

REDUCTIONS = (8, 4, 2)
"""By which libjpeg divides both sides without slower arithmetic."""

ENOUGH = 2.5
"""Times the needed size that must be left after a reduction, for the resampling to remove what would alias."""


ARITHMETIC: Mapping[str, Mapping[str, bool]] = {
    "exact": {},
    "fast": {"fastdct": False, "fastupsample": False},
    "bilinear": {"fastdct": True, "fastupsample": False},
    "nearest": {"fastdct": False, "fastupsample": False},
}
"""Reading -> libjpeg's: with both off that of Pillow, which does not darken; with the fast transform alone that of
TensorFlow, by which `image_dataset_from_directory` decodes."""


def reduction_of(image: Image.Image, preprocessing: Preprocessing | None) -> int:
    """Return by how much both sides are divided while an image is decoded.

    Args:
        image: its header.
        preprocessing: what comes next; None: all pixels are wanted.

    Returns:
        1, 2, 4 or 8: for "fast" reading the largest that leaves ENOUGH, for any other the smallest with which
        the image can be decoded at all. A function of the file and the preprocessing alone.
    """
    if preprocessing is None or image.format != "JPEG":
        return 1
    scale = preprocessing.scale(*upright_size(image))
    allowed = [reduction for reduction in REDUCTIONS if reduction * scale * ENOUGH <= 1]
    if preprocessing.reading == "fast":
        return allowed[0] if allowed else 1
    return next((reduction for reduction in (1, *reversed(allowed)) if fits(image, reduction)), 1)


def is_plain(image: Image.Image, reading: str) -> bool:
    """Return whether simplejpeg decodes an image; for exact reading, only what it decoded for earlier models."""
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return False
    return reading != "exact" or (orientation_of(image) == 1 and "mp" not in image.info)


def decode_plain(encoded: bytes, size: tuple[int, int], reading: str) -> Pixels | None:
    """Decode an undamaged JPEG.

    Args:
        encoded: the file.
        size: height and width to decode, a whole fraction of its own.
        reading: of ARITHMETIC.

    Returns:
        (h, w, 3) as it is stored, not turned; None where the file has a flaw, however small, which is left to Pillow.
    """
    import simplejpeg

    height, width = size
    try:
        pixels = simplejpeg.decode_jpeg(
            encoded, colorspace="RGB", strict=True, min_height=height, min_width=width, **ARITHMETIC[reading]
        )
    except ValueError:
        return None
    return np.ascontiguousarray(pixels)


def without_rest(pixels: Pixels, size: tuple[int, int], reduction: int) -> Pixels:
    """Return a reduced image without a last row or column that lies mostly outside the picture.

    libjpeg rounds up; resampled as if it were a whole one, that row would move all others.

    Args:
        pixels: (h, w, 3) as they are stored.
        size: width and height before the reduction.
        reduction: by which both were divided.
    """
    width, height = (max(1, (side + reduction // 2) // reduction) for side in size)
    return np.ascontiguousarray(pixels[:height, :width])
