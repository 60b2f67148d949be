"""What a rule is, and what many rules ask of a config. The rules stand beside the operations they build."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.layout import picture_to_sequence, sequence_to_picture
from tellapart.lowering.ops.activations import ACTIVATIONS
from tellapart.lowering.ops.base import Config, Elementwise, Operation

Rule = Callable[[Config, Sequence[Tensor], torch.dtype], Operation | None]
"""(config, weights in Keras's shapes and order, dtype to compute in) -> operation, or None: run it as itself."""


def channels_last(config: Config) -> bool:
    """Whether the layer's channels are Keras's last axis, the only order that is lowered."""
    return config.get("data_format", "channels_last") in ("channels_last", None)


def known_activation(config: Config) -> bool:
    """Whether the layer's own activation is one of Keras's that have a native form."""
    return isinstance(config["activation"], str) and config["activation"] in ACTIVATIONS


def elementwise(function: Callable[..., Tensor], *, fresh: bool = False) -> Rule:
    """The rule of a layer that is one function, whatever its config says."""
    return lambda *_: Elementwise(function, fresh=fresh)


def along(axes: int | Sequence[int], operation: Operation) -> Operation:
    """Note on an operation that works along Keras's `axes` whether pictures of a batch may touch in it.

    Axis 0 is the batch; so may be a negative one, for the tensor's rank is not known here.
    """
    every = [axes] if isinstance(axes, int) else axes
    operation.couples_pictures = any(axis == 0 or axis < -1 for axis in every)
    return operation


class OfSequences(Operation):
    """An operation of pictures applied to (B, T, C), as to pictures one pixel high."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return picture_to_sequence(self.operation(sequence_to_picture(x), training=training))


def of_sequences(rule: Rule) -> Rule:
    """The rule of a one-dimensional layer, from that of the same layer for pictures."""

    def lifted(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        operation = rule(as_picture_config(config), weights, dtype)
        return None if operation is None else OfSequences(operation)

    return lifted


def as_picture_config(config: Config) -> dict[str, Any]:
    """The config of a one-dimensional layer, as it would be for pictures one pixel high."""
    neutral = {"pool_size": 1, "strides": 1, "dilation_rate": 1, "output_padding": 0}
    given = {name: fill for name, fill in neutral.items() if config.get(name) is not None}
    return {**config, **{name: (fill, *config[name]) for name, fill in given.items()}}
