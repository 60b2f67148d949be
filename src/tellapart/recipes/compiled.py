"""How a Keras model of somebody's own was compiled, as a configuration records it."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tellapart.keras_internals import compiled_metrics, rate_setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSettings:
    """The optimizer, the loss and the metrics that a model was compiled with: a record, from which nothing is built."""

    name: Literal["as compiled"] = "as compiled"
    learning_rate: float
    """In the first step."""

    optimizer: str
    """Keras's class name."""

    schedule: str = "constant"
    """Class name of the learning-rate schedule; constant: a number, which callbacks may change."""

    settings: str = ""
    """Of the optimizer, as JSON; empty where they cannot be written as such."""

    loss: str = ""
    metrics: str = ""
    """Their names, separated by commas."""

    def in_words(self) -> str:
        """Return optimizer, loss and metrics, for people."""
        rate = "" if self.schedule == "constant" else f" by its {self.schedule}"
        metrics = f", metrics {self.metrics}" if self.metrics else ""
        return f"{self.optimizer}, learning rate {self.learning_rate:.3g}{rate}, loss {self.loss}{metrics}"


def compiled_settings(model: Any, loss: str) -> CompiledSettings:
    """Return how a model was compiled.

    Args:
        model: compiled, its metrics built.
        loss: the name of its loss.
    """
    optimizer = model.optimizer
    rate, metrics = rate_setting(optimizer), compiled_metrics(model)
    return CompiledSettings(
        learning_rate=float(str(np.float32(float(optimizer.learning_rate)))),  # 0.001, not 0.0010000000475
        optimizer=type(optimizer).__name__,
        schedule="constant" if hasattr(rate, "assign") else getattr(type(rate), "__name__", "function"),
        settings=_as_json(optimizer.get_config()),
        loss=loss,
        metrics=", ".join(metric.name for metric in ([] if metrics is None else metrics.metrics)),
    )


def _as_json(settings: Any) -> str:
    try:
        return json.dumps(settings, default=float)
    except (TypeError, ValueError):
        return ""
