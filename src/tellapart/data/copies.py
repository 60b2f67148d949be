"""Copies: images that occur in two splits, pixel for pixel, so that a score on the one says too much."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import Pixels

_COMPARED_FIRST = 256
"""Numbers of an image that are compared before the whole image is."""

_BYTES_AT_ONCE = 64 << 20
"""Of images that are looked at together."""


def copies_among(images: Pixels, others: Pixels) -> dict[int, int]:
    """Return which of `images` are also among `others`: row -> row of the first equal one.

    Args:
        images: (N, H, W, C) uint8.
        others: (M, H, W, C) uint8, of the same shape.
    """
    by_sample: dict[bytes, list[int]] = {}
    for row, sample in enumerate(_samples(others)):
        by_sample.setdefault(sample.tobytes(), []).append(row)
    whole: dict[bytes, dict[bytes, int]] = {}  # by sample, then by the digest of all pixels
    copies = {}
    for row, sample in enumerate(_samples(images)):
        key = sample.tobytes()
        if key not in by_sample:
            continue
        if key not in whole:
            whole[key] = {_digest(others[other]): other for other in reversed(by_sample[key])}
        if (content := _digest(images[row])) in whole[key]:
            copies[row] = whole[key][content]
    return copies


def _digest(image: Pixels) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _samples(images: Pixels) -> NDArray[np.uint8]:
    """Return the same few numbers of each image, (N, numbers), some images at a time: they may not be in memory."""
    numbers = math.prod(images.shape[1:])
    step, at_once = max(1, numbers // _COMPARED_FIRST), max(1, _BYTES_AT_ONCE // max(1, numbers))
    parts = [
        np.ascontiguousarray(np.reshape(images[start : start + at_once], (-1, numbers))[:, ::step])
        for start in range(0, len(images), at_once)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 0), np.uint8)
