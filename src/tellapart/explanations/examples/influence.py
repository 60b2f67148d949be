"""Influence: how much learning from each training image raised or lowered a prediction (TracIn).

TracIn follows the training: at each checkpoint, the dot product of a training image's gradient with that of the
query image, times the learning rate, says by how much learning from the first lowered the loss of the second. Here
the gradients are those of the last dense layer's kernel, which have a closed form: (probabilities - target) times
features, so that the product of two images is the product of two dot products. What earlier layers learned shows
only through the features; what was learned from a shifted, mirrored or mixed copy does not show.

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
from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint(Readable):
    """What the network of one checkpoint computes for the training images and for the query image."""

    learning_rate: float
    features: NDArray[Any]
    """(N, D), of the training images; any float."""

    errors: NDArray[Any]
    """(N, classes), of the training images, from `errors_of`; any float."""

    query_features: NDArray[np.float32]
    """(D,)."""

    query_probabilities: NDArray[np.float32]
    """(classes,)."""

    gain: float = 1.0
    """From `error_gain`: the effect of what comes between the last dense layer and the softmax."""

    multi_label: bool = False
    """Whether the loss of a class is its own binary cross-entropy, which depends on no other logit."""


def errors_of(
    probabilities: NDArray[np.float32], labels: NDArray[Any], smoothing: float = 0.0
) -> NDArray[np.float32]:
    """Return the gradient of each image's cross-entropy with respect to its logits: probabilities - target.

    Args:
        probabilities: (N, classes).
        labels: (N,); or (N, classes) of 0 and 1, where an image may have several.
        smoothing: label smoothing of the training.

    Returns:
        (N, classes).
    """
    if labels.ndim == 2:
        return (probabilities - (1 - smoothing) * labels - smoothing / 2).astype(np.float32)
    classes = probabilities.shape[1]
    errors = probabilities - np.float32(smoothing / classes)
    errors[np.arange(len(labels)), labels] -= np.float32(1 - smoothing)
    return errors


def influence(checkpoints: Sequence[Checkpoint], class_index: int) -> NDArray[np.float64]:
    """Return how much each training image supports predicting a class for the query image; below 0, opposes it.

    Args:
        checkpoints: in any order; their influences add up.
        class_index: the class.

    Returns:
        (N,), in units of loss: what one step of plain gradient descent on that image alone, at each checkpoint's
        learning rate, takes off the loss of the class.
    """
    total = np.zeros(len(checkpoints[0].errors))
    for checkpoint in checkpoints:
        query_error = checkpoint.query_probabilities.astype(np.float64)
        query_error[class_index] -= 1
        if checkpoint.multi_label:
            query_error[np.arange(len(query_error)) != class_index] = 0
        similarity = checkpoint.features.astype(np.float32, copy=False) @ checkpoint.query_features  # (N,)
        step = checkpoint.learning_rate * checkpoint.gain
        total += step * (checkpoint.errors @ query_error) * similarity
    return total


def error_gain(recording: Recording) -> float:
    """Return how much the dot products of errors grow from the softmax back to the last dense layer.

    1 where the softmax follows directly; the square of the factor where the outputs are scaled in between.

    Args:
        recording: of images that require gradients.

    Raises:
        ModelError: no dense layer, or more than a scaling after it.
    """
    outputs = last_dense(recording).raw_outputs[0]
    random = torch.Generator().manual_seed(0)
    errors = torch.randn((2, *recording.logits.shape), generator=random)
    errors = errors - errors.mean(-1, keepdim=True)  # those of a softmax add up to 0
    gradients = [
        torch.autograd.grad(recording.logits, outputs, error, retain_graph=True, allow_unused=True)[0]
        for error in errors
    ]
    if (
        gradients[0] is None
    ):  # the layer has the activation itself, and the logits are that activation's input
        return 1.0 if outputs.shape[-1] > 1 else 0.5
    back = torch.stack(gradients)
    before, after = (torch.einsum("ibk,jbk->ij", x.flatten(2), x.flatten(2)) for x in (errors, back))
    gain = float(after.trace() / before.trace())
    if not torch.allclose(after, gain * before, rtol=1e-3, atol=1e-3 * float(after.abs().max())):
        raise ModelError(
            "Between the network's last dense layer and its softmax is more than a scaling, so the gradients of "
            "that layer have no closed form."
        )
    return gain
