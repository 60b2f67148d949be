"""Validation: scores of a model's probabilities after an epoch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.average_precision import average_precisions, mean_of

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm: Keras's default."""


USUAL_THRESHOLD = 0.5
"""Probability from which a picture is given a label, where nothing better is known."""


class Validation(NamedTuple):
    """Scores of a net on the images that score epochs."""

    loss: float
    accuracy: float
    """Of several labels a picture, the mean average precision."""

    recalls: tuple[float | None, ...]
    """For each class, the share of its images predicted as it, or its average precision where a picture may have
    several labels; None for a class without images."""

    answers: tuple[int, ...]
    """For each class, how many images were predicted as it, or given it with a probability of at least a half."""

    metrics: Mapping[str, float] = {}
    """Further ones, by name: those of a compiled model, of training too."""


def validated(probabilities: NDArray[np.float32], labels: NDArray[Any]) -> Validation:
    """Score an epoch.

    Args:
        probabilities: (N, classes).
        labels: (N,) class indices; or (N, classes) of 0 and 1, where a picture may have several.
    """
    if labels.ndim == 2:
        precisions = average_precisions(probabilities, labels)
        loss = binary_cross_entropy(probabilities, labels)
        given = (probabilities >= USUAL_THRESHOLD).sum(0)
        return Validation(loss, mean_of(precisions), precisions, tuple(given.tolist()))
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
    labels: NDArray[Any],
    weights: NDArray[np.floating] | None = None,
) -> tuple[float, float]:
    """Return the mean cross-entropy, clipped as in training, and the share of images predicted correctly; of several
    labels a picture the binary cross-entropy, and the mean average precision.

    Args:
        probabilities: (N, classes).
        labels: (N,) class indices; or (N, classes) of 0 and 1.
        weights: (N,), what each image counts in both means; None, or all of them 0: 1.
    """
    if labels.ndim == 2:
        return binary_cross_entropy(probabilities, labels), mean_of(average_precisions(probabilities, labels))
    of_target = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses = -np.log(np.clip(of_target, EPSILON, 1 - EPSILON))
    correct = probabilities.argmax(1) == labels
    if weights is None or not weights.any():
        return float(losses.mean()), float(correct.mean())
    return float(np.average(losses, weights=weights)), float(np.average(correct, weights=weights))


def binary_cross_entropy(probabilities: NDArray[np.floating], targets: NDArray[Any]) -> float:
    """Return the mean over pictures and labels, probabilities clipped as in training."""
    clipped = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return float(-np.where(targets > 0, np.log(clipped), np.log1p(-clipped)).mean())


def is_better(
    candidate: NDArray[np.floating],
    standard: NDArray[np.floating],
    labels: NDArray[Any],
    weights: NDArray[np.floating] | None = None,
) -> bool:
    """Return whether one way to predict is better than another: a lower loss, and no image fewer predicted correctly.

    Args:
        candidate: (N, classes), probabilities of held-out images.
        standard: (N, classes), of the same images the other way.
        labels: (N,) class indices; or (N, classes) of 0 and 1.
        weights: (N,), what each image counts; None: 1.
    """
    loss, accuracy = loss_and_accuracy(candidate, labels, weights)
    standard_loss, standard_accuracy = loss_and_accuracy(standard, labels, weights)
    return loss < standard_loss and accuracy >= standard_accuracy
