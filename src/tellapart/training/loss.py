"""Loss: how far a batch of outputs is from the truth, and the means of it over a batch.

The cross-entropies are written here with Keras's own clipping and order of
operations; any other loss runs through Keras's object. Keras is the oracle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import compute_loss, has_loss_weights, has_mask, is_keras_class
from tellapart.metrics.validation import EPSILON

Loss = Callable[[Any, Any, Any, Any], Tensor]
"""(inputs, truth, output, sample weights or None) -> scalar."""


@dataclass(frozen=True, slots=True)
class NativeLoss:
    """A loss per picture, written in torch."""

    function: Callable[[Tensor, Tensor], Tensor]
    """(truth, output) -> (B,)."""

    sparse: bool
    """Whether the truth is class indices rather than one-hot rows."""

    def fits(self, truth: Any, output: Any, weight: Any) -> bool:
        """Whether the shapes are those that the function means: nothing is broadcast by accident."""
        return classifies(truth, output, sparse=self.sparse) and (
            weight is None or tuple(weight.shape) in [(len(output),), (len(output), 1)]
        )


def classifies(truth: Any, output: Any, *, sparse: bool) -> bool:
    """Whether these are one tensor (B, K) of at least two classes, unmasked, and its truth.

    Args:
        truth: (B,) or (B, 1) where `sparse`, else (B, K).
        output: the net's answer.
        sparse: whether the truth is class indices rather than one-hot rows.
    """
    if not (torch.is_tensor(truth) and torch.is_tensor(output)) or output.ndim != 2 or output.shape[1] < 2:
        return False
    shapes = [(len(output),), (len(output), 1)] if sparse else [tuple(output.shape)]
    return tuple(truth.shape) in shapes and not has_mask(output)


def categorical_crossentropy(truth: Tensor, output: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of one-hot truth (B, K) and probabilities (B, K) -> (B,)."""
    if label_smoothing:
        truth = truth * (1 - label_smoothing) + label_smoothing / truth.shape[-1]
    return -(truth * _log_probabilities(output)).sum(-1)


def categorical_crossentropy_of_logits(truth: Tensor, output: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of one-hot truth (B, K) and logits (B, K) -> (B,)."""
    if label_smoothing:
        truth = truth * (1 - label_smoothing) + label_smoothing / truth.shape[-1]
    return -(truth * output.log_softmax(-1)).sum(-1)


def sparse_categorical_crossentropy(truth: Tensor, output: Tensor) -> Tensor:
    """Cross-entropy of class indices (B,) or (B, 1) and probabilities (B, K) -> (B,)."""
    return -_log_probabilities(output).gather(-1, truth.reshape(-1, 1).long()).squeeze(-1)


def sparse_categorical_crossentropy_of_logits(truth: Tensor, output: Tensor) -> Tensor:
    """Cross-entropy of class indices (B,) or (B, 1) and logits (B, K) -> (B,)."""
    return -output.log_softmax(-1).gather(-1, truth.reshape(-1, 1).long()).squeeze(-1)


def _log_probabilities(output: Tensor) -> Tensor:
    output = output / output.sum(-1, keepdim=True)
    return output.clamp(EPSILON, 1 - EPSILON).log()


class PictureLoss:
    """A mean over pictures, natively; what the native form does not fit goes to Keras's."""

    def __init__(self, native: NativeLoss, otherwise: Loss) -> None:
        self.native = native
        self.otherwise = otherwise

    def __call__(self, inputs: Any, truth: Any, output: Any, weight: Any) -> Tensor:
        """(inputs, truth, output, sample weights or None) -> scalar."""
        if not self.native.fits(truth, output, weight):
            return self.otherwise(
                inputs, truth, output, weight
            )  # and Keras says what is wrong with the shapes
        values = self.native.function(
            truth.float(), output.float()
        )  # not in bfloat16, nor by labels in float64
        return values.mean() if weight is None else (values * weight.reshape(-1).to(values)).mean()

    def divides(self, truth: Any, weight: Any, pictures: int, outputs: int) -> bool:
        """Whether the loss of a batch is the mean of those of its parts, weighted by their sizes.

        Args:
            truth: as given to the loss.
            weight: likewise.
            pictures: in the batch.
            outputs: of the net for one picture.
        """
        shapes = [(pictures,), (pictures, 1)]
        truths = shapes if self.native.sparse else [(pictures, outputs)]
        return (
            torch.is_tensor(truth)
            and tuple(truth.shape) in truths
            and (weight is None or (torch.is_tensor(weight) and tuple(weight.shape) in shapes))
        )


def loss_of(model: Any, *, layer_losses: bool, training: bool = True) -> Loss:
    """The loss that a compiled model asks for, natively where that is exact, else Keras's own.

    Args:
        model: a compiled Keras model.
        layer_losses: whether layers that run as themselves may add losses.
        training: what to tell a `compute_loss` of the user's own.

    Returns:
        The loss; it includes the model's regularization terms.
    """

    def keras_loss(inputs: Any, truth: Any, output: Any, weight: Any) -> Tensor:
        return compute_loss(model, inputs, truth, output, weight, training=training)

    more_than_the_loss = layer_losses or _regularizes(model) or overrides(model, "compute_loss")
    native = None if more_than_the_loss else native_loss(model)
    if native is None:
        return keras_loss

    return PictureLoss(native, keras_loss)


def overrides(model: Any, method: str) -> bool:
    """Whether the user's own class defines `method`, so that Keras's meaning of it is not the whole truth."""
    owner = next(kind for kind in type(model).__mro__ if method in vars(kind))
    return not is_keras_class(owner)


def native_loss(model: Any) -> NativeLoss | None:
    """The native form of `model.loss`, or None where it has none."""
    import keras

    outputs = model.outputs if getattr(model, "outputs", None) else []
    if model.loss is None or has_loss_weights(model) or len(outputs) != 1:
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
    return None


def _native_form_of_object(loss: Any) -> NativeLoss | None:
    if not is_keras_class(type(loss)) or loss.reduction != "sum_over_batch_size" or loss.dtype != "float32":
        return None
    options = loss.get_config()
    if options.get("axis", -1) != -1 or options.get("ignore_class") is not None:
        return None
    logits = options.get("from_logits", False)
    if type(loss).__name__ == "CategoricalCrossentropy":
        function = categorical_crossentropy_of_logits if logits else categorical_crossentropy
        return NativeLoss(partial(function, label_smoothing=loss.label_smoothing), sparse=False)
    if type(loss).__name__ == "SparseCategoricalCrossentropy":
        return NativeLoss(
            sparse_categorical_crossentropy_of_logits if logits else sparse_categorical_crossentropy,
            sparse=True,
        )
    return None


def _regularizes(model: Any) -> bool:
    return any(getattr(variable, "regularizer", None) is not None for variable in model.trainable_variables)
