"""Measures: how bright, how rich in contrast and how sharp one picture is.

Knows nothing of files, labels and networks.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.preprocess import Preprocessing
from tellapart.data.types import Pixels

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

SHARPNESS_SIDE = 128
"""Pixels of the shorter side at which sharpness is measured; larger pictures are shrunk to it."""


class Measures(NamedTuple):
    """Of one picture; levels are 0 (black) to 255 (white)."""

    mean: float
    """Mean level of the thumbnail."""

    low: float
    """Level that 2% of the thumbnail's pixels are below."""

    high: float
    """Level that 2% of the thumbnail's pixels are above."""

    sharpness: float
    """Contrast between neighboring pixels as a share of the contrast of the whole; 0 where there is none."""


def measure(pixels: Pixels, thumbnail: Pixels) -> Measures:
    """Return the measures of a picture: (H, W, 3 or 1), and its thumbnail (h, w, 3)."""
    small = thumbnail @ _LUMA
    low, high = np.quantile(small, (0.02, 0.98))
    return Measures(float(small.mean()), float(low), float(high), _sharpness(pixels))


def _sharpness(pixels: Pixels) -> float:
    """Return the deviation of the Laplacian over that of the levels.

    Source: Pech-Pacheco et al. 2000 (variance of the Laplacian), divided by the contrast so that fog is no blur.
    """
    gray = _gray(pixels)
    spread = float(gray.std())
    if spread < 1 or min(gray.shape) < 3:
        return 0.0
    center = gray[1:-1, 1:-1]
    laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * center
    return float(laplacian.std()) / spread


def _gray(pixels: Pixels) -> NDArray[np.float32]:
    height, width, _ = pixels.shape
    scale = SHARPNESS_SIDE / min(height, width)
    if scale < 1:
        size = Preprocessing(
            height=max(3, round(height * scale)),
            width=max(3, round(width * scale)),
            channels=1,
            policy="stretch",
        )
        pixels = size.apply(pixels)
    return pixels[..., 0].astype(np.float32) if pixels.shape[2] == 1 else pixels @ _LUMA
