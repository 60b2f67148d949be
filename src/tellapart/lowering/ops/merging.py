"""Merging layers: several tensors become one."""

from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch, torch_axis
from tellapart.lowering.ops.base import Config, FunctionOperation, Operation, Rule, over_axes
from tellapart.lowering.ops.normalization import to_unit_length

LEAST_LENGTH = 1e-7
"""The least length that Dot divides by: Keras's epsilon, unless `keras.config.set_epsilon` changed it."""


def _fold(function: Callable[[Tensor, Tensor], Tensor], inputs: Sequence[Tensor]) -> Tensor:
    """Combine the inputs from left to right."""
    if len(inputs) == 1:
        return inputs[0].clone()  # never an input itself, which may not be written over
    result = inputs[0]
    for other in inputs[1:]:
        result = function(result, other)
    return result


class MixedRanks(Operation):
    """One call of a merging layer with tensors of different ranks: each gets as many axes as the largest has."""

    def __init__(self, merge: Operation) -> None:
        super().__init__()
        self.merge, self.overwritable = merge, merge.overwritable

    def forward(self, *inputs: Tensor, training: bool) -> Tensor:
        rank = max(x.ndim for x in inputs)
        return self.merge(*[_with_rank(x, rank) for x in inputs], training=training)


def _with_rank(x: Tensor, rank: int) -> Tensor:
    """Return a view with axes of size 1 behind the batch, in Keras's order."""
    return to_torch(to_keras(x)[(slice(None),) + (None,) * (rank - x.ndim)])


def _merge(function: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    overwritable = function is torch.sub
    return lambda *_: FunctionOperation(lambda *inputs: _fold(function, inputs), overwritable=overwritable)


class Addition(FunctionOperation):
    """Add: the sum of all inputs."""

    def __init__(self) -> None:
        super().__init__(lambda *inputs: _fold(torch.add, inputs), overwritable=True)


def _average(*_: Any) -> Operation:
    return FunctionOperation(lambda *inputs: _fold(torch.add, inputs) / len(inputs), overwritable=True)


def _multiply(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation:
    """Multiply in the layer's dtype: a gate from a float32 sigmoid must not make the product float32."""
    return FunctionOperation(lambda *inputs: _fold(torch.mul, [x.to(dtype) for x in inputs]))


def _concatenate(config: Config, *_: Any) -> Operation:
    axis = config["axis"]
    return over_axes(
        axis, FunctionOperation(lambda *inputs: torch.cat(inputs, dim=torch_axis(axis, inputs[0].ndim)))
    )


def dot(x: Tensor, y: Tensor, x_axis: int, y_axis: int) -> Tensor:
    """Multiply two tensors, image by image, and sum over one axis of each.

    Args:
        x: (B, ...), two axes or more.
        y: (B, ...), two axes or more.
        x_axis: the axis of `x` that is summed over.
        y_axis: the axis of `y` that is summed over, of the same size.

    Returns:
        (B, other axes of `x`, other axes of `y`); (B, 1) where there are none.
    """
    batch, summed, *letters = list(ascii_lowercase)
    x_letters = [batch, *letters[: x.ndim - 1]]
    y_letters = [batch, *letters[x.ndim - 1 : x.ndim + y.ndim - 2]]
    x_letters[x_axis], y_letters[y_axis] = summed, summed
    rest = [letter for letter in x_letters[1:] + y_letters[1:] if letter != summed]
    result = torch.einsum(f"{''.join(x_letters)},{''.join(y_letters)}->{''.join([batch, *rest])}", x, y)
    return result if rest else result.unsqueeze(1)


def _dot(config: Config, *_: Any) -> Operation:
    axes, normalize = config["axes"], config["normalize"]
    x_axis, y_axis = (axes, axes) if isinstance(axes, int) else axes

    def merge(x: Tensor, y: Tensor) -> Tensor:
        x, y = to_keras(x), to_keras(y)
        left, right = x_axis % x.ndim, y_axis % y.ndim
        if normalize:
            x, y = to_unit_length(x, [left], LEAST_LENGTH), to_unit_length(y, [right], LEAST_LENGTH)
        return to_torch(dot(x, y, left, right))

    return FunctionOperation(merge)


def _scaled_addition(config: Config, *_: Any) -> Operation:
    """Return InceptionResNetV2's CustomScaleLayer: the first input plus a multiple of the second."""
    scale = config["scale"]
    return FunctionOperation(lambda x, y: x + y * scale, overwritable=True)


RULES: dict[str, Rule] = {
    "Concatenate": _concatenate,
    "Add": lambda *_: Addition(),
    "Subtract": _merge(torch.sub),
    "Multiply": _multiply,
    "Maximum": _merge(torch.maximum),
    "Minimum": _merge(torch.minimum),
    "Average": _average,
    "Dot": _dot,
    "CustomScaleLayer": _scaled_addition,
}

TAKE_MIXED_RANKS = frozenset({"Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average"})
"""Layers whose inputs may have different ranks."""
