"""Array types that the files of this room hand to each other, and how errors describe an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Levels 0 to 255: one image (H, W, C), or many (N, H, W, C)."""

Rows = NDArray[np.int64]
"""Row numbers within a split, (N,)."""

ImageShape = tuple[int, int, int]
"""Height, width, channels."""


def describe(array: np.ndarray) -> str:
    """Return an array's type, shape and range, as errors give them: `uint8 (6, 4), 0 to 255`."""
    described = f"{array.dtype} {array.shape}"
    if array.dtype.kind in "uifb" and array.size:
        described += f", {array.min()} to {array.max()}"
    return described
