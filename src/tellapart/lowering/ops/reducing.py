"""Operators over axes: sums, means, extremes, and products of matrices."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.ops.base import Operation, in_keras_layout
from tellapart.lowering.ops.normalization import to_unit_length
from tellapart.lowering.ops.operands import OperatorRule, coupling, only_place, places, positive

Settings = Mapping[str, Any]

LEAST_LENGTH = 1e-7
"""The least length that Normalize divides by: Keras's epsilon, unless `keras.config.set_epsilon` changed it."""


def _variance(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    return torch.var(x.float(), dim=dim, correction=0, keepdim=keepdim).to(x.dtype)


def _deviation(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    return torch.std(x, dim=dim, correction=0, keepdim=keepdim)


def _mean(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    return torch.mean(x.float(), dim=dim, keepdim=keepdim).to(x.dtype)


REDUCTIONS: dict[str, Callable[..., Tensor]] = {
    "Mean": _mean,
    "Sum": torch.sum,
    "Max": torch.amax,
    "Amax": torch.amax,
    "Min": torch.amin,
    "Amin": torch.amin,
    "Var": _variance,
    "Std": _deviation,
    "Logsumexp": torch.logsumexp,
}


def _reduction(function: Callable[..., Tensor]) -> OperatorRule:
    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        place, axes, keep = only_place(arguments), settings["axis"], bool(settings["keepdims"])
        if place is None or axes is None or axes in ((), []) or settings.get("initial") is not None:
            return None
        dims = positive(axes, place.rank)
        return coupling(in_keras_layout(lambda x: function(x, dim=dims, keepdim=keep)), couples=0 in dims)

    return rule


def _product(multiply: Callable[..., Tensor], dtype: torch.dtype | None) -> Operation:
    """Return a product in one dtype: a softmax comes in float32, whatever the arithmetic around."""

    def apply(*tensors: Tensor) -> Tensor:
        common = dtype or reduce(torch.promote_types, [tensor.dtype for tensor in tensors])
        return multiply(*[tensor.to(common) for tensor in tensors])

    return in_keras_layout(apply)


def _matmul(arguments: Sequence[Any], settings: Settings, dtype: torch.dtype | None) -> Operation | None:
    left_and_right = list(places(arguments))
    if len(arguments) != 2 or len(left_and_right) != 2:
        return None
    batched = left_and_right[0].rank == left_and_right[1].rank >= 3
    return coupling(_product(torch.matmul, dtype), couples=not batched)


def _einsum(arguments: Sequence[Any], settings: Settings, dtype: torch.dtype | None) -> Operation | None:
    equation = settings["subscripts"].replace(" ", "")
    if len(list(places(arguments))) != len(arguments) or "->" not in equation:
        return None
    given, result = equation.split("->")
    keeps_batch = all(part[:1] == result[:1] != "." for part in given.split(","))
    return coupling(
        _product(lambda *tensors: torch.einsum(equation, *tensors), dtype), couples=not keeps_batch
    )


def _normalize(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    place, axes = only_place(arguments), settings["axis"]
    if place is None or settings["order"] != 2 or not isinstance(axes, int):
        return None
    dims, least = positive(axes, place.rank), settings["epsilon"] or LEAST_LENGTH
    return coupling(in_keras_layout(lambda x: to_unit_length(x, dims, least)), couples=0 in dims)


OPERATORS: dict[str, OperatorRule] = {
    **{name: _reduction(function) for name, function in REDUCTIONS.items()},
    "Matmul": _matmul,
    "Einsum": _einsum,
    "Normalize": _normalize,
}
