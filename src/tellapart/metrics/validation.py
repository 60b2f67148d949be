"""Validation: scores of a model's probabilities after an epoch."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm: Keras's default."""


class Validation(NamedTuple):
    """Scores of a net on the images that score epochs."""

    loss: float
    accuracy: float
    recalls: tuple[float | None, ...]
    """For each class, the share of its images predicted as it; None for a class without images."""

    answers: tuple[int, ...]
    """For each class, how many images were predicted as it."""

    metrics: Mapping[str, float] = {}
    """Further ones, by name: those of a compiled model, of training too."""


def validated(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Validation:
    """Score an epoch.

    Args:
        probabilities: (N, classes).
        labels: (N,) class indices.
    """
    count = probabilities.shape[1]
    present = np.bincount(labels, minlength=count)
    answers = probabilities.argmax(1)
    correct = np.bincount(labels[answers == labels], minlength=count)
    recalls = tuple(map(share, correct, present))
    counts = tuple(np.bincount(answers, minlength=count).tolist())
    return Validation(*loss_and_accuracy(probabilities, labels), recalls, counts)


def share(part: int, whole: int) -> float | None:
    """Return part / whole; None where the whole is 0."""
    return float(part / whole) if whole else None


def loss_and_accuracy(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating] | None = None,
) -> tuple[float, float]:
    """Return the mean cross-entropy, clipped as in training, and the share of images predicted correctly.

    Args:
        probabilities: (N, classes).
        labels: (N,) class indices.
        weights: (N,), what each image counts in both means; None, or all of them 0: 1.
    """
    of_target = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses = -np.log(np.clip(of_target, EPSILON, 1 - EPSILON))
    correct = probabilities.argmax(1) == labels
    if weights is None or not weights.any():
        return float(losses.mean()), float(correct.mean())
    return float(np.average(losses, weights=weights)), float(np.average(correct, weights=weights))


def is_better(
    candidate: NDArray[np.floating],
    standard: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating] | None = None,
) -> bool:
    """Return whether one way to predict is better than another: a lower loss, and no image fewer predicted correctly.

    Args:
        candidate: (N, classes), probabilities of held-out images.
        standard: (N, classes), of the same images the other way.
        labels: (N,) class indices.
        weights: (N,), what each image counts; None: 1.
    """
    loss, accuracy = loss_and_accuracy(candidate, labels, weights)
    standard_loss, standard_accuracy = loss_and_accuracy(standard, labels, weights)
    return loss < standard_loss and accuracy >= standard_accuracy
