"""Validation: what a model's probabilities say of the images that score an epoch."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm: Keras's number, unless it was set."""


class Validation(NamedTuple):
    """What a net says of the pictures that score an epoch."""

    loss: float
    accuracy: float
    recalls: tuple[float, ...]
    """Of each class, the share of its pictures that is answered rightly; of a class without any, 0."""


def validated(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> Validation:
    """Score an epoch.

    Args:
        answers: (N, classes) probabilities.
        labels: (N,) class indices.
    """
    count = answers.shape[1]
    present = np.bincount(labels, minlength=count)
    right = np.bincount(labels[answers.argmax(1) == labels], minlength=count)
    recalls = right / np.maximum(present, 1)
    return Validation(*loss_and_accuracy(answers, labels), tuple(map(float, recalls)))


def loss_and_accuracy(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean cross-entropy, clipped as in training, and the share of pictures whose likeliest class is right.

    Args:
        answers: (N, classes) probabilities.
        labels: (N,) class indices.
    """
    of_truth = answers[np.arange(len(labels)), labels].astype(np.float64)
    loss = -np.log(np.clip(of_truth, EPSILON, 1 - EPSILON)).mean()
    return float(loss), float((answers.argmax(1) == labels).mean())
