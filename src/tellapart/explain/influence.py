"""Influence: which training pictures spoke for an answer, and which against it.

TracIn follows the training: at checkpoints along the way, the dot product of a training
picture's gradient with the asked one's, times the learning rate, says by how much learning from the
first lowered the loss of the second. Gradients here are those of the last dense layer's kernel, which have a
closed form: (probabilities - truth) times features, so that two pictures' product is the product of two dot
products. What was learned below the last layer is seen only through the features.

Source: Pruthi et al. 2020, arXiv:2002.08484 (TracInCP, on the last layer as in its section 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a network of a moment makes of the training pictures and of the asked one."""

    learning_rate: float
    features: NDArray[np.float32]
    """(N, D), of the training pictures."""

    probabilities: NDArray[np.float32]
    """(N, classes), of the training pictures."""

    asked_features: NDArray[np.float32]
    """(D,)."""

    asked_probabilities: NDArray[np.float32]
    """(classes,)."""


def influence(
    checkpoints: Sequence[Checkpoint], labels: NDArray[np.int64], answer: int
) -> NDArray[np.float64]:
    """Of each training picture, by how much it spoke for an answer about the asked one; below 0, against it.

    Args:
        checkpoints: in any order; their influences add up.
        labels: (N,) of the training pictures.
        answer: class index that is asked about.

    Returns:
        (N,), in units of loss.
    """
    total = np.zeros(len(labels))
    for one in checkpoints:
        errors = one.probabilities.astype(np.float64)
        errors[np.arange(len(labels)), labels] -= 1
        asked_error = one.asked_probabilities.astype(np.float64)
        asked_error[answer] -= 1
        total += (
            one.learning_rate
            * (errors @ asked_error)
            * (one.features.astype(np.float64) @ one.asked_features)
        )
    return total
