"""Snapshot: the settings that a step was built from, so that a change in the middle of an epoch is noticed.

Keras on torch reads the settings of its layers and optimizer at every batch, so a callback may freeze a
layer, replace its activation or its `call`, hook into it or set the optimizer's clipping between two batches. A
lowered step reads them once, when it is built.

Attributes are compared by identity: a number that is set again counts as changed, which costs no more than
building the step again.
"""

from collections.abc import Iterable
from operator import is_
from typing import Any

from tellapart.keras_internals import (
    compiled_metrics,
    container_of_losses,
    is_as_keras_made_it,
    is_keras_attribute,
    loss_tracker,
    tables_of_hooks,
    tensor_of,
)
from tellapart.lowering import LoweredNet

METHODS = ("__call__", "forward", "call", "compute_loss", "compute_metrics", "get_metrics_result", "metrics")
"""Methods of a model whose work a lowered step does, unless the model has its own."""


class Snapshot:
    """Settings of a model, its lowered layers and its optimizer, the code that decides, and what is trainable."""

    def __init__(self, net: LoweredNet, metrics: Iterable[Any] = ()) -> None:
        """Take a snapshot.

        Args:
            net: lowered from a compiled model.
            metrics: the metrics whose work is not done by Keras.
        """
        self.model = net.model
        layers = net.lowered_layers()
        parts = [part for part in (*_compiled_parts(self.model), *metrics) if is_as_keras_made_it(part)]
        self.settings = [(vars(owner), dict(vars(owner))) for owner in (*layers, *parts)]
        self.hooks = [table for module in (self.model, *layers) for table in tables_of_hooks(module)]
        self.variables = list(net.model.weights)
        self.then = self._state()

    def holds(self) -> bool:
        """Return whether nothing has changed since."""
        return self._state() == self.then and all(
            len(now) == len(then) and all(map(is_, now.values(), then.values()))
            for now, then in self.settings
        )

    def _state(self) -> list[Any]:
        model, tensors = self.model, list(map(tensor_of, self.variables))
        return [
            [id(part) for part in _compiled_parts(model)],
            [is_keras_attribute(model, name) for name in METHODS],
            list(map(len, self.hooks)),
            [(id(tensor), tensor.requires_grad) for tensor in tensors],
        ]


def _compiled_parts(model: Any) -> list[Any]:
    """Return what `compile` gave a model: optimizer, loss and metrics, those that are objects."""
    parts = (
        model.optimizer,
        model.loss,
        container_of_losses(model),
        compiled_metrics(model),
        loss_tracker(model),
    )
    return [part for part in parts if hasattr(part, "__dict__")]
