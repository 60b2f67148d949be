"""Losses of a compiled Keras model, as a mean over the batch.

The cross-entropies are computed here with Keras's own clipping and order of
operations; any other loss runs through Keras's object. Keras is the oracle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.keras_internals import (
    compute_loss,
    container_of_losses,
    function_of_loss,
    has_loss_weights,
    has_mask,
    is_as_keras_made_it,
    is_keras_attribute,
)
from tellapart.metrics.validation import EPSILON

Loss = Callable[[Any, Any, Any, Any], Tensor]
"""(inputs, targets, output, sample weights or None) -> scalar."""


@dataclass(frozen=True, slots=True)
class NativeLoss:
    """A loss per image, computed in torch."""

    function: Callable[[Tensor, Tensor], Tensor]
    """(targets, output) -> (B,)."""

    sparse: bool
    """Whether the targets are class indices rather than one-hot rows."""

    def fits(self, targets: Any, output: Any, weight: Any) -> bool:
        """Return whether the shapes are those that the function expects, so that nothing is broadcast by accident."""
        return classifies(targets, output, sparse=self.sparse) and (
            weight is None or tuple(weight.shape) in [(len(output),), (len(output), 1)]
        )


def classifies(targets: Any, output: Any, *, sparse: bool) -> bool:
    """Return whether the output is one unmasked tensor (B, K), K at least 2, and the targets fit it.

    Args:
        targets: (B,) or (B, 1) where `sparse`, else (B, K).
        output: of the net.
        sparse: whether the targets are class indices rather than one-hot rows.
    """
    if not (torch.is_tensor(targets) and torch.is_tensor(output)) or output.ndim != 2 or output.shape[1] < 2:
        return False
    shapes = [(len(output),), (len(output), 1)] if sparse else [tuple(output.shape)]
    return tuple(targets.shape) in shapes and not has_mask(output)


def categorical_crossentropy(targets: Tensor, output: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of one-hot targets (B, K) and probabilities (B, K) -> (B,)."""
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / targets.shape[-1]
    return -(targets * _log_probabilities(output)).sum(-1)


def categorical_crossentropy_of_logits(
    targets: Tensor, output: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the cross-entropy of one-hot targets (B, K) and logits (B, K) -> (B,)."""
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / targets.shape[-1]
    return -(targets * output.log_softmax(-1)).sum(-1)


def sparse_categorical_crossentropy(targets: Tensor, output: Tensor) -> Tensor:
    """Return the cross-entropy of class indices (B,) or (B, 1) and probabilities (B, K) -> (B,)."""
    return -_log_probabilities(output).gather(-1, targets.reshape(-1, 1).long()).squeeze(-1)


def sparse_categorical_crossentropy_of_logits(targets: Tensor, output: Tensor) -> Tensor:
    """Return the cross-entropy of class indices (B,) or (B, 1) and logits (B, K) -> (B,)."""
    return -output.log_softmax(-1).gather(-1, targets.reshape(-1, 1).long()).squeeze(-1)


def binary_crossentropy(targets: Tensor, output: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean over labels of the cross-entropy of targets (B, K) and probabilities (B, K), each by itself."""
    if label_smoothing:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return F.binary_cross_entropy(output.clamp(EPSILON, 1 - EPSILON), targets, reduction="none").mean(-1)


def _log_probabilities(output: Tensor) -> Tensor:
    output = output / output.sum(-1, keepdim=True)
    return output.clamp(EPSILON, 1 - EPSILON).log()


class PerImageLoss:
    """A native mean over the images; inputs that the native form does not fit go to Keras's loss."""

    def __init__(self, native: NativeLoss, fallback: Loss) -> None:
        self.native = native
        self.fallback = fallback

    def __call__(self, inputs: Any, targets: Any, output: Any, weight: Any) -> Tensor:
        """Return the loss of a batch, a scalar; arguments as in `Loss`."""
        if not self.native.fits(targets, output, weight):
            return self.fallback(inputs, targets, output, weight)  # Keras says what is wrong with the shapes
        try:
            # Neither in bfloat16 nor, through the labels, in float64:
            values = self.native.function(targets.float(), output.float())
        except RuntimeError:
            return self.fallback(
                inputs, targets, output, weight
            )  # and what is wrong with a label out of range
        return values.mean() if weight is None else (values * weight.reshape(-1).to(values)).mean()

    def divides(self, targets: Any, weight: Any, images: int, outputs: int) -> bool:
        """Return whether the loss of a batch is the mean of those of its parts, weighted by their sizes.

        Args:
            targets: as passed to the loss.
            weight: sample weights as passed to the loss, or None.
            images: number in the batch.
            outputs: number of outputs per image.
        """
        shapes = [(images,), (images, 1)]
        target_shapes = shapes if self.native.sparse else [(images, outputs)]
        return (
            torch.is_tensor(targets)
            and tuple(targets.shape) in target_shapes
            and (weight is None or (torch.is_tensor(weight) and tuple(weight.shape) in shapes))
        )


def loss_of(model: Any, *, layer_losses: bool, training: bool = True) -> Loss:
    """Return the loss of a compiled model, native where that is exact, else Keras's own.

    Args:
        model: a compiled Keras model.
        layer_losses: whether layers that Keras runs may add losses.
        training: passed on to a user-defined `compute_loss`.

    Returns:
        The loss, including the model's regularization terms.
    """

    def keras_loss(inputs: Any, targets: Any, output: Any, weight: Any) -> Tensor:
        return compute_loss(model, inputs, targets, output, weight, training=training)

    more_than_the_loss = layer_losses or _regularizes(model) or not is_keras_attribute(model, "compute_loss")
    native = None if more_than_the_loss else native_loss(model)
    if native is None:
        return keras_loss

    return PerImageLoss(native, keras_loss)


def native_loss(model: Any) -> NativeLoss | None:
    """Return the native form of `model.loss`, or None where it has none."""
    import keras

    outputs = model.outputs if getattr(model, "outputs", None) else []
    if model.loss is None or has_loss_weights(model) or len(outputs) != 1:
        return None
    if not is_as_keras_made_it(container_of_losses(model)):
        return None
    if keras.config.epsilon() != EPSILON or keras.config.floatx() != "float32":
        return None
    try:
        loss = keras.losses.get(model.loss)
    except (TypeError, ValueError):
        return None
    if isinstance(loss, keras.losses.Loss):
        return _native_form_of_object(loss)
    if loss is keras.losses.categorical_crossentropy:
        return NativeLoss(categorical_crossentropy, sparse=False)
    if loss is keras.losses.sparse_categorical_crossentropy:
        return NativeLoss(sparse_categorical_crossentropy, sparse=True)
    if loss is keras.losses.binary_crossentropy:
        return NativeLoss(binary_crossentropy, sparse=False)
    return None


def _native_form_of_object(loss: Any) -> NativeLoss | None:
    import keras

    if not is_as_keras_made_it(loss) or loss.reduction != "sum_over_batch_size" or loss.dtype != "float32":
        return None
    options = loss.get_config()
    if options.get("axis", -1) != -1 or options.get("ignore_class") is not None:
        return None
    logits = options.get("from_logits", False)
    kind = type(loss).__name__
    if function_of_loss(loss) is not getattr(keras.losses, _FUNCTIONS.get(kind, ""), None):
        return None
    if kind == "CategoricalCrossentropy":
        function = categorical_crossentropy_of_logits if logits else categorical_crossentropy
        return NativeLoss(partial(function, label_smoothing=loss.label_smoothing), sparse=False)
    if kind == "BinaryCrossentropy":
        smoothed = partial(binary_crossentropy, label_smoothing=loss.label_smoothing)
        return None if logits else NativeLoss(smoothed, sparse=False)
    return NativeLoss(
        sparse_categorical_crossentropy_of_logits if logits else sparse_categorical_crossentropy, sparse=True
    )


_FUNCTIONS = {
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
}
"""Keras's classes of losses with a native form -> the function of Keras's that each one calls."""


def _regularizes(model: Any) -> bool:
    return any(getattr(variable, "regularizer", None) is not None for variable in model.trainable_variables)
