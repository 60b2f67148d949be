"""Influence: which training pictures spoke for an answer, and which against it.

TracIn follows the training: at checkpoints along the way, the dot product of a training
picture's gradient with the asked one's, times the learning rate, says by how much learning from the
first lowered the loss of the second. Gradients here are those of the last dense layer's kernel, which have a
closed form: (probabilities - truth) times features, so that two pictures' product is the product of two dot
products. What was learned below the last layer is seen only through the features; what was learned from a
picture that was moved or mixed is not seen.

Source: Pruthi et al. 2020, arXiv:2002.08484 (TracInCP, on the last layer as in its section 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.errors import ModelError
from tellapart.explanations.examples.features import last_dense
from tellapart.explanations.recorder import Recording


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a network of a moment makes of the training pictures and of the asked one."""

    learning_rate: float
    features: NDArray[Any]
    """(N, D), of the training pictures; any float."""

    errors: NDArray[Any]
    """(N, classes), of the training pictures, from `errors_of`; any float."""

    asked_features: NDArray[np.float32]
    """(D,)."""

    asked_probabilities: NDArray[np.float32]
    """(classes,)."""

    gain: float = 1.0
    """From `error_gain`: of what stands between the last dense layer and the softmax."""


def errors_of(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], smoothing: float = 0.0
) -> NDArray[np.float32]:
    """The gradient of each picture's cross-entropy with regard to its logits: probabilities - truth.

    Args:
        probabilities: (N, classes).
        labels: (N,).
        smoothing: share of the truth that is spread over all classes, as the network was trained.

    Returns:
        (N, classes).
    """
    classes = probabilities.shape[1]
    errors = probabilities - np.float32(smoothing / classes)
    errors[np.arange(len(labels)), labels] -= np.float32(1 - smoothing)
    return errors


def influence(checkpoints: Sequence[Checkpoint], answer: int) -> NDArray[np.float64]:
    """Of each training picture, by how much it spoke for an answer about the asked one; below 0, against it.

    Args:
        checkpoints: in any order; their influences add up.
        answer: class index that is asked about.

    Returns:
        (N,), in units of loss: what a plain step of learning from that picture alone, at each checkpoint's
        rate, takes off the loss of the answer.
    """
    total = np.zeros(len(checkpoints[0].errors))
    for one in checkpoints:
        asked_error = one.asked_probabilities.astype(np.float64)
        asked_error[answer] -= 1
        alike = one.features.astype(np.float32, copy=False) @ one.asked_features  # (N,)
        total += one.learning_rate * one.gain * (one.errors @ asked_error) * alike
    return total


def error_gain(recording: Recording) -> float:
    """By what the dot products of errors grow on the way from the softmax back to the last dense layer.

    1 where the softmax is taken of its outputs; the square of the factor where they are scaled in between.

    Args:
        recording: of pictures that a gradient reaches.

    Raises:
        ModelError: no dense layer, or something after it that does more than scale.
    """
    outputs = last_dense(recording).given[0]
    random = torch.Generator().manual_seed(0)
    errors = torch.randn((2, *recording.logits.shape), generator=random)
    errors = errors - errors.mean(-1, keepdim=True)  # those of a softmax add up to 0
    found = [
        torch.autograd.grad(recording.logits, outputs, one, retain_graph=True, allow_unused=True)[0]
        for one in errors
    ]
    if found[0] is None:  # the activation is the layer's own, and the logits are what goes into it
        return 1.0 if outputs.shape[-1] > 1 else 0.5
    back = torch.stack(found)
    before, after = (torch.einsum("ibk,jbk->ij", x.flatten(2), x.flatten(2)) for x in (errors, back))
    gain = float(after.trace() / before.trace())
    if not torch.allclose(after, gain * before, rtol=1e-3, atol=1e-3 * float(after.abs().max())):
        raise ModelError(
            "Between the network's last dense layer and its softmax more happens than a scaling, so the gradients "
            "of that layer have no closed form."
        )
    return gain
