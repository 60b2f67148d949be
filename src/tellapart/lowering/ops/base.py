"""Operations: what a lowered net is made of, one small torch module per kind of layer.

An operation holds a layer's weights *in Keras's own shapes* and does Keras's
arithmetic on them. Pictures are (B, C, H, W) here, see layout.py.

In float32 Keras adds a bias after the product, which rounds differently and sums the bias's
gradient in another order. Done its way, training equals Keras's bit for bit. In lower
precision no bit is to be matched, and adding within the product is faster.

Which layer becomes which operation is the rules' business.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tellapart.lowering.layout import image_to_sequence, sequence_to_image
from tellapart.lowering.ops.activations import ACTIVATIONS

Config = Mapping[str, Any]


class CastWeight(NamedTuple):
    """A weight cast for the arithmetic once a step, instead of at every use."""

    master: Tensor
    """Keras's own, float32."""

    view: Tensor
    """A view of it in the arithmetic's layout."""

    value: Tensor
    """`view` in the arithmetic's dtype: the leaf that gradients are taken of."""

    def gradient_of_master(self, gradient: Tensor) -> Tensor:
        """What a gradient of `value` is for `master`: the layout undone, the dtype kept."""
        if self.view is self.master:
            return gradient
        return torch.autograd.grad(self.view, self.master, gradient)[0]


class Operation(nn.Module):
    """One layer of a lowered net. `forward(*inputs, training)` returns one tensor."""

    overwritable = False
    """Whether the output is a new tensor that nothing keeps for its backward pass,
    so that an activation right behind may write over it."""

    couples_images = False
    """Whether, in training, what one picture gives depends on the others of its batch."""

    dtype: torch.dtype = torch.float32
    """Of the arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self._ready: dict[str, Tensor] = {}

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Weights that are cast before use: name -> (Keras's tensor, a view in the arithmetic's layout)."""
        return {}

    def cast_weights(self, trainable: Container[int]) -> list[CastWeight]:
        """Cast the weights once, for every use until `drop_cast_weights`; nothing to do in float32.

        Args:
            trainable: ids of the tensors that gradients are wanted of.
        """
        if self.dtype == torch.float32:
            return []
        made = []
        for name, (master, view) in self.castable_weights().items():
            value = _cast(view.detach(), self.dtype).requires_grad_(id(master) in trainable)
            self._ready[name] = value
            made.append(CastWeight(master, view, value))
        return made

    def drop_cast_weights(self) -> None:
        """From here on, cast at every use."""
        self._ready = {}

    def cast(self, name: str) -> Tensor:
        """Return a weight of `castable_weights` in the arithmetic's dtype."""
        ready = self._ready.get(name)
        return _cast(self.castable_weights()[name][1], self.dtype) if ready is None else ready


def _cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    memory = torch.channels_last if weight.ndim == 4 else torch.preserve_format
    return weight.to(dtype, memory_format=memory)


class FunctionOperation(Operation):
    """A layer that is one pure function of its inputs and has no weights."""

    def __init__(self, function: Callable[..., Tensor], *, overwritable: bool = False) -> None:
        super().__init__()
        self.function = function
        self.overwritable = overwritable

    def forward(self, *inputs: Tensor, training: bool) -> Tensor:
        return self.function(*inputs)


Rule = Callable[[Config, Sequence[Tensor], torch.dtype], Operation | None]
"""(config, weights in Keras's shapes and order, dtype to compute in) -> operation, or None: run it as itself."""


def is_channels_last(config: Config) -> bool:
    """Whether the layer's channels are Keras's last axis, the only order that is lowered."""
    return config.get("data_format", "channels_last") in ("channels_last", None)


def has_known_activation(config: Config) -> bool:
    """Whether the layer's own activation is one of Keras's that have a native form."""
    return isinstance(config["activation"], str) and config["activation"] in ACTIVATIONS


def function_rule(function: Callable[..., Tensor], *, overwritable: bool = False) -> Rule:
    """The rule of a layer that is one function, whatever its config says."""
    return lambda *_: FunctionOperation(function, overwritable=overwritable)


def over_axes(axes: int | Sequence[int], operation: Operation) -> Operation:
    """Note on an operation that works along Keras's `axes` whether pictures of a batch may touch in it.

    Axis 0 is the batch; so may be a negative one, for the tensor's rank is not known here.
    """
    every = [axes] if isinstance(axes, int) else axes
    operation.couples_images = any(axis == 0 or axis < -1 for axis in every)
    return operation


class SequenceOperation(Operation):
    """An operation of pictures applied to (B, T, C), as to pictures one pixel high."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return image_to_sequence(self.operation(sequence_to_image(x), training=training))


def sequence_rule(rule: Rule) -> Rule:
    """The rule of a one-dimensional layer, from that of the same layer for pictures."""

    def lifted(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        operation = rule(as_image_config(config), weights, dtype)
        return None if operation is None else SequenceOperation(operation)

    return lifted


def as_image_config(config: Config) -> dict[str, Any]:
    """The config of a one-dimensional layer, as it would be for pictures one pixel high."""
    neutral = {"pool_size": 1, "strides": 1, "dilation_rate": 1, "output_padding": 0}
    given = {name: fill for name, fill in neutral.items() if config.get(name) is not None}
    return {**config, **{name: (fill, *config[name]) for name, fill in given.items()}}
