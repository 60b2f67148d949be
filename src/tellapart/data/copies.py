"""Copies: images that occur more than once, pixel for pixel, so that a score on one of them says too much.

Images may lie in a file: some are looked at at a time.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import Pixels

_COMPARED_FIRST = 256
"""Numbers of an image that are compared before the whole image is."""

_BYTES_AT_ONCE = 64 << 20
"""Of images that are looked at together."""

_BLANK = 6
"""Levels of 255 between the darkest and the brightest pixel, below which an image shows nothing."""


def equal_images(parts: Sequence[Pixels]) -> NDArray[np.int64]:
    """Return for each image the place of the first that has the same pixels: its own, where none comes before it.

    Args:
        parts: of images of one shape, each (N, H, W, C) uint8; places count through all of them.

    Returns:
        (images of all parts,).
    """
    samples = np.concatenate([_samples(images) for images in parts])
    first = _first_equal(samples.view(f"V{samples.shape[1]}")[:, 0])
    candidates = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    starts = np.cumsum([0, *map(len, parts)])
    digests = np.empty(len(candidates), "V16")
    for index, place in enumerate(candidates):
        part = int(np.searchsorted(starts, place, side="right")) - 1
        content = np.ascontiguousarray(parts[part][place - starts[part]])
        digests[index] = np.void(hashlib.blake2b(content.data, digest_size=16).digest())
    result = np.arange(len(first))
    if len(candidates):
        result[candidates] = candidates[_first_equal(digests)]
    return result


def copies_among(images: Pixels, others: Pixels) -> dict[int, int]:
    """Return which of `images` are also among `others`: row -> row of the first equal one.

    Args:
        images: (N, H, W, C) uint8.
        others: (M, H, W, C) uint8, of the same shape.
    """
    first = equal_images([others, images])[len(others) :]
    return {int(row): int(first[row]) for row in np.flatnonzero(first < len(others))}


def blank_images(images: Pixels) -> NDArray[np.bool_]:
    """Return which images are of one color, as far as some hundred of their pixels show: (N, H, W, C) -> (N,)."""
    blank = [np.empty(0, np.bool_)]
    for part in _parts(images):
        flat = part.reshape(len(part), -1, part.shape[-1])
        some = flat[:, :: max(1, flat.shape[1] // _COMPARED_FIRST)]
        blank.append((some.max(1).astype(int) - some.min(1)).max(1) < _BLANK)
    return np.concatenate(blank)


def _first_equal(keys: NDArray[np.void]) -> NDArray[np.int64]:
    """Return for each key the place of the first equal one."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def _samples(images: Pixels) -> NDArray[np.uint8]:
    """Return the same few numbers of each image, (N, numbers)."""
    numbers = math.prod(images.shape[1:])
    step = max(1, numbers // _COMPARED_FIRST)
    parts = [np.ascontiguousarray(part.reshape(len(part), numbers)[:, ::step]) for part in _parts(images)]
    return np.concatenate(parts) if parts else np.empty((0, -(-numbers // step)), np.uint8)


def _parts(images: Pixels) -> Iterator[Pixels]:
    """Yield the images, some at a time."""
    at_once = max(1, _BYTES_AT_ONCE // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), at_once):
        yield np.asarray(images[start : start + at_once])  # streamed ones are decoded here
