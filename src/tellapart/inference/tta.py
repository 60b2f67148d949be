"""Views: a picture asked about in several forms, the answers averaged.

An object stays what it is when it is mirrored or moved by a pixel; a network's doubts do not. Sources:
Krizhevsky et al. 2012 (averaged crops), Jordan 2024 (these six and their weights), Hiverge 2025 (the
moved ones only where the network is unsure).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.events import Progress
from tellapart.inference.refine import LEAST

Predict = Callable[..., NDArray[np.float32]]
"""((N, H, W, C) images, progress or nothing) -> (N, classes) probabilities."""

TTA_VIEWS = (1, 2, 6)
"""Forms of a picture that can be asked about."""

SURE = 1.5
"""Difference of the logarithms of the two likeliest classes from which the moved views are not asked for."""


class TtaProbabilities(NamedTuple):
    """(N, classes) float32 each, rows summing to 1."""

    averaged: NDArray[np.float32]
    """Over the views."""

    plain: NDArray[np.float32]
    """Of each picture as it is; the very same array where there is one view."""


def with_tta(
    predict: Predict, images: NDArray[np.uint8], tta_views: int, progress: Progress | None = None
) -> TtaProbabilities:
    """Ask about pictures in several forms and average the logarithms of what is answered.

    What is answered about a picture does not depend on the others.

    Args:
        predict: the network.
        images: (N, H, W, C) uint8.
        tta_views: 1, as it is; 2, also mirrored; 6, both also moved by a pixel up-left and down-right,
            for pictures of whose class two views are not SURE.
        progress: called with (images done, images in all), for the first view.
    """
    answers = predict(images, progress)
    if tta_views == 1 or not len(images):
        return TtaProbabilities(answers, answers)
    mean = (_logarithms(answers) + _logarithms(predict(images[:, :, ::-1]))) / 2
    if tta_views == 6:
        best = np.sort(mean, axis=1)[:, -2:]
        unsure = np.flatnonzero(best[:, 1] - best[:, 0] < SURE)
        if len(unsure):
            moved = [_moved(images[unsure], by) for by in (-1, 1)]
            both = [form for one in moved for form in (one, one[:, :, ::-1])]
            mean[unsure] = (mean[unsure] + sum(_logarithms(predict(form)) for form in both) / 4) / 2
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    return TtaProbabilities((powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), answers)


def _logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), LEAST))


def _moved(images: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Pictures moved by a pixel along both axes; what comes in is mirrored at the edge."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    height, width = images.shape[1:3]
    start = 1 + by
    return padded[:, start : start + height, start : start + width]
