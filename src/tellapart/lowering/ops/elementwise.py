"""Operators on each number by itself: arithmetic, roots and logarithms, activations, limits, choices, casts."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch, torch_axis
from tellapart.lowering.ops.activation_layers import ActivationOperation, ParametricActivation
from tellapart.lowering.ops.activations import log_softmax, softmax, sparsemax
from tellapart.lowering.ops.base import FunctionOperation, Operation
from tellapart.lowering.ops.operands import OperatorRule, Place, coupling, only_place, places, positive

Settings = Mapping[str, Any]

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "TrueDivide": operator.truediv,
    "Power": operator.pow,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
}
"""Of two tensors, or a tensor and a constant."""

NEEDS_TENSORS = (torch.maximum, torch.minimum)

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Negative": torch.neg,
    "Absolute": torch.abs,
    "Abs": torch.abs,
    "Square": torch.square,
    "Sqrt": torch.sqrt,
    "Rsqrt": torch.rsqrt,
    "Reciprocal": torch.reciprocal,
    "Exp": torch.exp,
    "Expm1": torch.expm1,
    "Log": torch.log,
    "Log1p": torch.log1p,
    "Log2": torch.log2,
    "Log10": torch.log10,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Erf": torch.erf,
    "Sign": torch.sign,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "StopGradient": torch.detach,
}
"""Of one tensor."""

ACTIVATION_NAMES = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "SparseSigmoid": "sparse_sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Silu": "silu",
    "HardSilu": "hard_silu",
    "Tanh": "tanh",
    "TanhShrink": "tanh_shrink",
    "HardTanh": "hard_tanh",
    "Selu": "selu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "SparsePlus": "sparse_plus",
}
"""Keras's class name of an operator -> the name of the same activation."""


def _arithmetic(function: Callable[[Any, Any], Any]) -> OperatorRule:
    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        operation = _broadcast(function, arguments, numbers_as_tensors=function in NEEDS_TENSORS)
        if operation is not None:
            operation.overwritable = function in (operator.add, operator.sub)
        return operation if len(arguments) == 2 else None

    return rule


def _broadcast(
    function: Callable[..., Tensor], arguments: Sequence[Any], *, numbers_as_tensors: bool
) -> FunctionOperation | None:
    """Return a function of tensors and constants, whose shapes Keras aligns at the last axis.

    Tensors of one rank have their axes in the same order in both layouts; with others, Keras's is taken.
    """
    shaped = [value for value in arguments if type(value) not in (int, float)]
    if not all(isinstance(value, Place) or _is_constant(value) for value in shaped):
        return None
    ranks = {len(value.shape) for value in shaped}
    apart = len(ranks) > 1 and 4 in ranks
    lowered, back = (to_keras, to_torch) if apart else (_same, _same)
    constants = [_constant(value, numbers_as_tensors, apart) for value in arguments]

    def apply(*tensors: Tensor) -> Tensor:
        remaining = iter(tensors)
        device = tensors[0].device
        values = [
            lowered(next(remaining)) if isinstance(value, Place) else _on(device, value)
            for value in constants
        ]
        return back(function(*values))

    return coupling(FunctionOperation(apply), couples=not _keeps_images_apart(shaped))


def _keeps_images_apart(values: Sequence[Any]) -> bool:
    """Return whether the batch axes of all tensors meet, and no constant has one."""
    (rank, *others) = {value.rank for value in values if isinstance(value, Place)}
    constants = [value.shape for value in values if not isinstance(value, Place)]
    return not others and all(len(shape) < rank or shape[0] == 1 for shape in constants)


def _is_constant(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32


def _constant(value: Any, as_tensor: bool, apart: bool) -> Any:
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(value.copy())
        return tensor if apart else to_torch(tensor)
    return torch.tensor(float(value)) if as_tensor and not isinstance(value, Place) else value


def _on(device: torch.device, value: Any) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _function(function: Callable[[Tensor], Tensor]) -> OperatorRule:
    return lambda arguments, *_: FunctionOperation(function) if only_place(arguments) else None


def _activation(name: str) -> OperatorRule:
    return lambda arguments, *_: ActivationOperation(name) if only_place(arguments) else None


def _gelu(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    name = "gelu_tanh" if settings["approximate"] else "gelu"
    return ActivationOperation(name) if only_place(arguments) else None


def _with_setting(
    name: str, function: Callable[..., Tensor], overwriting: Callable[..., Tensor] | None = None
) -> OperatorRule:
    """Return the rule of an activation with one number as its setting, which torch takes second."""

    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        number = settings[name]
        if only_place(arguments) is None or not isinstance(number, int | float):
            return None
        if overwriting is None:
            return FunctionOperation(lambda x: function(x, number))
        return ParametricActivation(lambda x: function(x, number), lambda x: overwriting(x, number))

    return rule


def _over_axis(function: Callable[[Tensor, int], Tensor]) -> OperatorRule:
    """Return the rule of an activation that looks at all numbers along one axis."""

    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        place, axis = only_place(arguments), settings["axis"]
        if place is None or not isinstance(axis, int):
            return None
        operation = FunctionOperation(lambda x: function(x, axis))
        return coupling(operation, couples=0 in positive(axis, place.rank))

    return rule


def _clip(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    low, high = settings["x_min"], settings["x_max"]
    numbers = all(type(limit) in (int, float) for limit in (low, high))
    return FunctionOperation(lambda x: x.clamp(low, high)) if only_place(arguments) and numbers else None


def _where(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    given = list(places(arguments))
    if len(arguments) != 3 or not isinstance(arguments[0], Place) or arguments[0].dtype != "bool":
        return None
    floating = all("float" in place.dtype for place in given[1:])
    return _broadcast(torch.where, arguments, numbers_as_tensors=False) if floating and given[1:] else None


def _cast(arguments: Sequence[Any], settings: Settings, precision: torch.dtype | None) -> Operation | None:
    place, goal = only_place(arguments), getattr(torch, settings["dtype"], None)
    if place is None or goal is None:
        return None
    if precision is not None and goal.is_floating_point and "float" in place.dtype:
        return FunctionOperation(_same)  # the operations decide
    return FunctionOperation(lambda x: x.to(goal))


def _comparison(function: Callable[[Any, Any], Any]) -> OperatorRule:
    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        alike = len({place.dtype for place in places(arguments)}) == 1
        return (
            _broadcast(function, arguments, numbers_as_tensors=False)
            if alike and len(arguments) == 2
            else None
        )

    return rule


OPERATORS: dict[str, OperatorRule] = {
    **{name: _arithmetic(function) for name, function in ARITHMETIC.items()},
    **{name: _function(function) for name, function in FUNCTIONS.items()},
    **{operator_name: _activation(name) for operator_name, name in ACTIVATION_NAMES.items()},
    "Gelu": _gelu,
    "LeakyRelu": _with_setting("negative_slope", F.leaky_relu, F.leaky_relu_),
    "Elu": _with_setting("alpha", F.elu, F.elu_),
    "Celu": _with_setting("alpha", F.celu, torch.celu_),
    "HardShrink": _with_setting("threshold", F.hardshrink),
    "SoftShrink": _with_setting("threshold", F.softshrink),
    "Squareplus": _with_setting("b", lambda x, b: (x + (x.square() + b).sqrt()) / 2),
    "Softmax": _over_axis(softmax),
    "LogSoftmax": _over_axis(log_softmax),
    "Sparsemax": _over_axis(sparsemax),
    "Glu": _over_axis(lambda x, axis: F.glu(x, dim=torch_axis(axis, x.ndim))),
    "Clip": _clip,
}

CHOICES: dict[str, OperatorRule] = {
    "Where": _where,
    "Cast": _cast,
    "Greater": _comparison(operator.gt),
    "GreaterEqual": _comparison(operator.ge),
    "Less": _comparison(operator.lt),
    "LessEqual": _comparison(operator.le),
    "Equal": _comparison(operator.eq),
    "NotEqual": _comparison(operator.ne),
    "LogicalAnd": _comparison(torch.logical_and),
    "LogicalOr": _comparison(torch.logical_or),
    "LogicalNot": _function(torch.logical_not),
}
"""Operators that also take, or give, something else than floating-point numbers."""
