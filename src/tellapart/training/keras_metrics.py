"""Metrics of a compiled Keras model, counted in Keras's own metric objects.

Mean loss and the three accuracies are added up natively (into the same
variables, at a tenth of the cost); every other metric runs through Keras.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import (
    compiled_metrics,
    function_of_metric,
    has_weighted_metrics,
    loss_tracker,
    metrics_of_losses,
)
from tellapart.training.loss import classifies, overrides


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many pictures of a batch are right, counted in torch."""

    matches: Callable[[Tensor, Tensor], Tensor]
    """(truth, output) -> how many, a scalar."""

    sparse: bool
    """Whether the truth is class indices rather than one-hot rows."""


class KerasMetrics:
    """The model's metrics, each updated by itself."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def update(self, inputs: Any, truth: Any, output: Any, weight: Any, loss: Tensor) -> Mapping[str, Any]:
        """Add a batch; return every metric since the last reset, by name."""
        import keras

        pictures = next(tensor for tensor in keras.tree.flatten(inputs) if tensor is not None).shape[0]
        loss_tracker(self.model).update_state(loss, sample_weight=pictures)
        return self.model.compute_metrics(inputs, truth, output, sample_weight=weight)


class NativeMetrics(KerasMetrics):
    """Mean loss and accuracies, added up in torch."""

    def __init__(self, model: Any, accuracies: Mapping[Any, Accuracy]) -> None:
        super().__init__(model)
        self.accuracies = accuracies

    @torch.no_grad()
    def update(self, inputs: Any, truth: Any, output: Any, weight: Any, loss: Tensor) -> Mapping[str, Any]:
        """Add a batch; return every metric since the last reset, by name."""
        known = all(classifies(truth, output, sparse=kind.sparse) for kind in self.accuracies.values())
        if not known or not torch.is_tensor(output):
            return super().update(inputs, truth, output, weight, loss)
        pictures = len(output)
        tracker = loss_tracker(self.model)
        tracker.total.value.add_(loss * pictures)
        tracker.count.value.add_(pictures)
        for metric, accuracy in self.accuracies.items():
            metric.total.value.add_(accuracy.matches(truth, output))
            metric.count.value.add_(pictures)
        return {
            metric.name: float(metric.total.value / metric.count.value)
            for metric in (tracker, *self.accuracies)
        }


def metrics_of(model: Any) -> KerasMetrics:
    """How to count a compiled and built model's metrics: natively where all of them allow it."""
    compiled = compiled_metrics(model)
    known = [] if compiled is None else compiled.metrics
    per_loss = metrics_of_losses(model)
    names = [metric.name for metric in known]
    plain = (
        len(getattr(model, "outputs", None) or []) == 1
        and (compiled is None or not has_weighted_metrics(compiled))
        and len(model.metrics) == 1 + (compiled is not None)
        and not per_loss
        and not overrides(model, "compute_metrics")
        and len(set(names)) == len(names)
    )
    accuracies = {metric: accuracy for metric in known if (accuracy := _accuracy(metric)) is not None}
    return (
        NativeMetrics(model, accuracies) if plain and len(accuracies) == len(known) else KerasMetrics(model)
    )


def _accuracy(metric: Any) -> Accuracy | None:
    import keras

    plain = type(metric) is keras.metrics.MeanMetricWrapper or type(metric).__name__ in _ACCURACY_CLASSES
    if not plain or overrides(metric, "update_state") or overrides(metric, "result"):
        return None
    if function_of_metric(metric) is keras.metrics.categorical_accuracy:
        return Accuracy(_one_hot_matches, sparse=False)
    if function_of_metric(metric) is keras.metrics.sparse_categorical_accuracy:
        return Accuracy(lambda truth, output: (truth.reshape(-1) == output.argmax(-1)).sum(), sparse=True)
    return None


def _one_hot_matches(truth: Tensor, output: Tensor) -> Tensor:
    truth = truth.byte() if truth.dtype == torch.bool else truth  # of which torch knows no largest
    return (truth.argmax(-1) == output.argmax(-1)).sum()


_ACCURACY_CLASSES = ("CategoricalAccuracy", "SparseCategoricalAccuracy")
