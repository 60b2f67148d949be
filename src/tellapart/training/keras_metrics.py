"""Metrics of a compiled Keras model, accumulated in Keras's own metric objects.

The mean loss and the accuracies are added up natively, into the same variables
at a tenth of the cost; every other metric runs through Keras.
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
    is_as_keras_made_it,
    is_keras_attribute,
    loss_tracker,
    metrics_of_losses,
)
from tellapart.training.loss import classifies


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A native accuracy: counts the correct predictions of a batch in torch."""

    matches: Callable[[Tensor, Tensor], Tensor]
    """(targets, output) -> number of correct predictions, a scalar."""

    sparse: bool
    """Whether the targets are class indices rather than one-hot rows."""


class KerasMetrics:
    """The model's metrics, updated by Keras."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.accuracies: Mapping[Any, Accuracy] = {}
        """The metrics whose work is done here; all or none."""

    def update(self, inputs: Any, targets: Any, output: Any, weight: Any, loss: Tensor) -> Mapping[str, Any]:
        """Add a batch; return every metric since the last reset, by name."""
        import keras

        images = next(tensor for tensor in keras.tree.flatten(inputs) if tensor is not None).shape[0]
        loss_tracker(self.model).update_state(loss, sample_weight=images)
        return self.model.compute_metrics(inputs, targets, output, sample_weight=weight)


class NativeMetrics(KerasMetrics):
    """The mean loss and accuracies, added up in torch."""

    def __init__(self, model: Any, accuracies: Mapping[Any, Accuracy]) -> None:
        super().__init__(model)
        self.accuracies = accuracies

    @torch.no_grad()
    def update(self, inputs: Any, targets: Any, output: Any, weight: Any, loss: Tensor) -> Mapping[str, Any]:
        """Add a batch; return every metric since the last reset, by name."""
        all_native = all(classifies(targets, output, sparse=kind.sparse) for kind in self.accuracies.values())
        if not all_native or not torch.is_tensor(output):
            return super().update(inputs, targets, output, weight, loss)
        count = len(output)
        tracker = loss_tracker(self.model)
        tracker.total.value.add_(loss * count)
        tracker.count.value.add_(count)
        for metric, accuracy in self.accuracies.items():
            metric.total.value.add_(accuracy.matches(targets, output))
            metric.count.value.add_(count)
        return {
            metric.name: float(metric.total.value / metric.count.value)
            for metric in (tracker, *self.accuracies)
        }


def metrics_of(model: Any) -> KerasMetrics:
    """Return the metrics of a compiled and built model, native if all of them allow it."""
    compiled = compiled_metrics(model)
    metrics = [] if compiled is None else compiled.metrics
    per_loss = metrics_of_losses(model)
    names = [metric.name for metric in metrics]
    plain = (
        len(getattr(model, "outputs", None) or []) == 1
        and (compiled is None or not has_weighted_metrics(compiled))
        and len(model.metrics) == 1 + (compiled is not None)
        and not per_loss
        and all(
            is_keras_attribute(model, name) for name in ("compute_metrics", "get_metrics_result", "metrics")
        )
        and all(map(is_as_keras_made_it, filter(None, (compiled, loss_tracker(model)))))
        and len(set(names)) == len(names)
    )
    accuracies = {metric: accuracy for metric in metrics if (accuracy := _accuracy(metric)) is not None}
    return (
        NativeMetrics(model, accuracies) if plain and len(accuracies) == len(metrics) else KerasMetrics(model)
    )


def _accuracy(metric: Any) -> Accuracy | None:
    import keras

    plain = type(metric) is keras.metrics.MeanMetricWrapper or type(metric).__name__ in _ACCURACY_CLASSES
    if not plain or not is_as_keras_made_it(metric):
        return None
    if function_of_metric(metric) is keras.metrics.categorical_accuracy:
        return Accuracy(_one_hot_matches, sparse=False)
    if function_of_metric(metric) is keras.metrics.sparse_categorical_accuracy:
        return Accuracy(lambda targets, output: (targets.reshape(-1) == output.argmax(-1)).sum(), sparse=True)
    return None


def _one_hot_matches(targets: Tensor, output: Tensor) -> Tensor:
    targets = targets.byte() if targets.dtype == torch.bool else targets  # torch has no argmax for bool
    return (targets.argmax(-1) == output.argmax(-1)).sum()


_ACCURACY_CLASSES = ("CategoricalAccuracy", "SparseCategoricalAccuracy")
