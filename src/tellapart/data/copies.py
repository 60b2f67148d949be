"""Copies: images that occur in two splits, pixel for pixel, so that a score on the one says too much."""

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import Pixels

_COMPARED_FIRST = 256
"""Numbers of an image that are compared before the whole image is."""


def copies_among(images: Pixels, others: Pixels) -> dict[int, int]:
    """Return which of `images` are also among `others`: row -> row of the first equal one.

    Args:
        images: (N, H, W, C) uint8.
        others: (M, H, W, C) uint8, of the same shape.
    """
    by_sample: dict[bytes, list[int]] = {}
    for row, sample in enumerate(_samples(others)):
        by_sample.setdefault(sample.tobytes(), []).append(row)
    whole: dict[bytes, dict[bytes, int]] = {}
    copies = {}
    for row, sample in enumerate(_samples(images)):
        key = sample.tobytes()
        if key not in by_sample:
            continue
        if key not in whole:
            whole[key] = {others[other].tobytes(): other for other in reversed(by_sample[key])}
        if (content := images[row].tobytes()) in whole[key]:
            copies[row] = whole[key][content]
    return copies


def _samples(images: Pixels) -> NDArray[np.uint8]:
    """Return the same few numbers of each image, (N, numbers), without reading the rest."""
    flat = images.reshape(len(images), -1)
    return np.ascontiguousarray(flat[:, :: max(1, flat.shape[1] // _COMPARED_FIRST)])
