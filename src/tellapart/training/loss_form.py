"""What a compiled model's loss takes: class numbers or rows of targets, probabilities or logits.

Knows nothing of where the model comes from.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import compiled_metrics, is_keras_class, metrics_as_given

Targets = Literal["class numbers", "one-hot rows", "one number"]
"""(B,) int64; (B, classes) float32; or (B, 1) float32, 1 for the second of two classes."""

OF_CLASS_NUMBERS = (
    "SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
)  # fmt: skip
"""Keras's losses of class numbers."""


class LossForm(NamedTuple):
    """What a loss takes."""

    name: str
    targets: Targets
    logits: bool | None
    """Whether it takes logits; None: it does not say."""

    is_guess: bool
    """Whether the form of the targets was told by the loss's name alone, because the loss is not Keras's own."""

    smoothing: float = 0.0
    """Label smoothing, 0 to 1."""

    def targets_of(self, one_hot: Tensor) -> Tensor:
        """Return targets as the loss takes them, from rows (B, classes)."""
        if self.targets == "class numbers":
            return one_hot.argmax(-1)
        return one_hot[:, 1:] if self.targets == "one number" else one_hot


def loss_form(model: Any, outputs: int) -> LossForm:
    """Return what the loss of a compiled model takes.

    Args:
        model: compiled, of one output.
        outputs: numbers that it gives for each image.

    Raises:
        ConfigError: it has no loss, or several.
    """
    keras = import_keras()
    loss = _only(model.loss)
    if loss is None:
        raise ConfigError(
            f"{model.name} is compiled without a loss, or with several. Compile it with one, such as "
            "model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])."
        )
    loss = keras.losses.get(loss)
    is_object = isinstance(loss, keras.losses.Loss)
    kind = type(loss).__name__ if is_object else getattr(loss, "__name__", type(loss).__name__)
    is_kerass = (
        is_keras_class(type(loss)) if is_object else getattr(loss, "__module__", "").startswith("keras.")
    )
    settings = loss.get_config() if is_object and is_kerass else {}
    logits = settings.get("from_logits", False) if "crossentropy" in kind.lower() and is_kerass else None
    return LossForm(
        name=kind,
        targets=_targets(model, loss, kind, outputs, is_kerass=is_kerass),
        logits=logits,
        is_guess=not is_kerass and outputs > 1,
        smoothing=float(settings.get("label_smoothing") or 0.0),
    )


def _only(loss: Any) -> Any:
    """Return a loss, also where it stands in a list or a dictionary of one."""
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    if isinstance(loss, list | tuple):
        return _only(loss[0]) if len(loss) == 1 else None
    return loss


def _targets(model: Any, loss: Any, kind: str, outputs: int, *, is_kerass: bool) -> Targets:
    if outputs == 1:
        return "one number"
    keras = import_keras()
    takes_numbers = (
        kind in OF_CLASS_NUMBERS
        or isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        or "sparse" in kind.lower()
        or (not is_kerass and _measures_class_numbers(model))
    )
    return "class numbers" if takes_numbers else "one-hot rows"


def _measures_class_numbers(model: Any) -> bool:
    compiled = compiled_metrics(model)
    given = [] if compiled is None else import_keras().tree.flatten(metrics_as_given(compiled) or [])
    names = [metric if isinstance(metric, str) else type(metric).__name__ for metric in given]
    return any("sparse" in name.lower() for name in names)
