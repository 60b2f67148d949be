"""Operators: `x + y`, `0.5 * x`, `keras.ops.mean(x, ...)` and the like in a Functional model's graph.

Operators are not layers: they have no config and no weights, and some of their arguments may be
numbers. An operator that is missing here runs as itself.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.activations import softmax
from tellapart.lowering.ops.base import FunctionOperation, Operation, over_axes

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "TrueDivide": operator.truediv,
}
"""Keras's class name of an operator -> its function, on two tensors or a tensor and a number."""

ACTIVATION_NAMES = {"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Silu": "silu", "Tanh": "tanh"}
"""Keras's class name of an operator -> the name of the same activation."""

TENSOR = object()
"""Stands for a tensor among the arguments of an operator."""


def lower_operator(name: str, arguments: Sequence[Any], settings: Mapping[str, Any]) -> Operation | None:
    """Return an operator's operation on floating-point tensors of one rank; None: it runs as itself.

    Args:
        name: the operator's class name in Keras.
        arguments: its arguments, in order: `TENSOR` for each tensor, other values themselves.
        settings: its attributes, such as `axis`.
    """
    if name in ARITHMETIC:
        return _arithmetic(ARITHMETIC[name], arguments)
    if len(arguments) != 1:
        return None
    if name in ACTIVATION_NAMES:
        return ActivationOperation(ACTIVATION_NAMES[name])
    rule = _SETTING_RULES.get(name)
    return None if rule is None else rule(settings)


def _arithmetic(function: Callable[[Any, Any], Any], arguments: Sequence[Any]) -> Operation | None:
    numbers = [value for value in arguments if value is not TENSOR]
    if len(arguments) != 2 or not all(type(number) in (int, float) for number in numbers):
        return None

    def apply(*tensors: Tensor) -> Tensor:
        remaining = iter(tensors)
        return function(*[next(remaining) if value is TENSOR else value for value in arguments])

    return FunctionOperation(apply, overwritable=function in (operator.add, operator.sub))


def _mean(settings: Mapping[str, Any]) -> Operation | None:
    axis, keep = settings["axis"], settings["keepdims"]
    if axis is None:
        return None
    return over_axes(
        axis, FunctionOperation(lambda x: to_torch(torch.mean(to_keras(x), dim=axis, keepdim=keep)))
    )


def _gelu(settings: Mapping[str, Any]) -> Operation | None:
    return None if settings["approximate"] else ActivationOperation("gelu")


def _softmax(settings: Mapping[str, Any]) -> Operation | None:
    axis = settings["axis"]
    return over_axes(axis, FunctionOperation(lambda x: softmax(x, axis))) if isinstance(axis, int) else None


_SETTING_RULES: dict[str, Callable[[Mapping[str, Any]], Operation | None]] = {
    "Mean": _mean,
    "Gelu": _gelu,
    "Softmax": _softmax,
}
