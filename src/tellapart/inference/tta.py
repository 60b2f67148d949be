"""Test-time augmentation: an image predicted in several views, the predictions averaged.

An object stays what it is when it is mirrored or moved by a pixel; a network's uncertainty does not.
Sources: Krizhevsky et al. 2012 (averaged crops), Jordan 2024 (these six views and their weights),
Hiverge 2025 (the moved ones only where the network is unsure).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.events import Progress
from tellapart.inference.refine import SMALLEST

Predict = Callable[[NDArray[np.uint8], Progress | None], NDArray[np.float32]]
"""((N, H, W, C) images, progress or None) -> (N, classes) probabilities."""

TTA_VIEWS = (1, 2, 6)
"""How many views of an image can be averaged."""

SURE = 1.5
"""Difference between the logarithms of the two likeliest classes from which the moved views are left out; of several
labels, the logarithm of the odds of the least certain one."""


class TtaProbabilities(NamedTuple):
    """Probabilities with and without test-time augmentation: (N, classes) float32, rows summing to 1."""

    averaged: NDArray[np.float32]
    """Over the views."""

    plain: NDArray[np.float32]
    """Each image as it is; the very same array where there is a single view."""

    novelty: NDArray[np.float64] | None = None
    """(N,), each image's novelty score as it is; None where none was asked for."""


def with_tta(
    predict: Predict,
    images: NDArray[np.uint8],
    tta_views: int,
    progress: Progress | None = None,
    plain: NDArray[np.float32] | None = None,
    multi_label: bool = False,
) -> TtaProbabilities:
    """Predict images in several views and average the logarithms of the probabilities, or of several labels' odds.

    No image's prediction depends on the other images.

    Args:
        predict: the network.
        images: (N, H, W, C) uint8.
        tta_views: 1, the image as it is; 2, also mirrored; 6, both also moved by a pixel up-left and
            down-right, for images of whose class the first two views are not SURE.
        progress: called with (images done, images in all), for the first view.
        plain: the predictions of the first view, where they are at hand.
        multi_label: whether each probability is that of a label, and a picture may have several.
    """
    logarithms = _log_odds if multi_label else _logarithms
    plain = predict(images, progress) if plain is None else plain
    if tta_views == 1 or not len(images):
        return TtaProbabilities(plain, plain)
    mean = (logarithms(plain) + logarithms(predict(images[:, :, ::-1], None))) / 2
    if tta_views == 6:
        best = np.sort(mean, axis=1)[:, -2:]
        margin = np.abs(mean).min(1) if multi_label else best[:, 1] - best[:, 0]
        unsure = np.flatnonzero(margin < SURE)
        if len(unsure):
            moved = [_moved(images[unsure], by) for by in (-1, 1)]
            views = [view for shifted in moved for view in (shifted, shifted[:, :, ::-1])]
            mean[unsure] = (mean[unsure] + sum(logarithms(predict(view, None)) for view in views) / 4) / 2
    return TtaProbabilities((_from_log_odds if multi_label else _from_logarithms)(mean), plain)


def averaged(views: Sequence[NDArray[np.float32]], *, multi_label: bool = False) -> NDArray[np.float32]:
    """Return the probabilities of images, (N, classes), from those of each of their views: the logarithms' mean."""
    if multi_label:
        return _from_log_odds(np.mean([_log_odds(view) for view in views], axis=0))
    return _from_logarithms(np.mean([_logarithms(view) for view in views], axis=0))


def _from_logarithms(mean: NDArray[np.float64]) -> NDArray[np.float32]:
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    inside = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(inside) - np.log1p(-inside)


def _from_log_odds(mean: NDArray[np.float64]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-mean))).astype(np.float32)


def _moved(images: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Move images by a pixel along both axes, mirrored at the edge."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    height, width = images.shape[1:3]
    start = 1 + by
    return padded[:, start : start + height, start : start + width]
