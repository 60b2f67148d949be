"""Operators in a Functional model's graph that are no layers: `x + y`, `x / 255`, `keras.ops.relu(x)`, means.

They have no config; the recording holds their arguments.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.arithmetic import activation, merge
from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule
from tellapart.explanations.arithmetic.normalization import scaled
from tellapart.explanations.arithmetic.pooling import LARGEST_OF_ALL, MEAN_OF_ALL, reducing
from tellapart.explanations.recorder import LayerRun

ELEMENTWISE = (
    "Absolute", "Arctan", "Celu", "Ceil", "Cos", "Elu", "Exp", "Expm1", "Floor", "Gelu", "HardShrink",
    "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "Log", "Log1p", "LogSigmoid", "Negative", "Relu", "Relu6",
    "Round", "Selu", "Sigmoid", "Sign", "Silu", "Sin", "SoftShrink", "Softplus", "Softsign", "SparsePlus",
    "SparseSigmoid", "Sqrt", "Square", "Squareplus", "Tanh", "TanhShrink", "Threshold",
)  # fmt: skip
"""Operators that are a function of one number."""

Line = Callable[[NDArray[np.float64], bool], tuple[NDArray[np.float64], NDArray[np.float64]] | None]
"""The constant, and whether it comes first -> factor and shift of each number."""


def _elementwise(run: LayerRun) -> LayerArithmetic | None:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", run.kind).lower()

    def function(x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = run.layer(x)
        return output

    return activation.elementwise(run, name, function)


def _quotient(constant: NDArray[np.float64], is_first: bool) -> Any:
    return None if is_first or not np.all(constant) else (1 / constant, 0 * constant)


_LINES: dict[str, Line] = {
    "Add": lambda constant, _: (np.ones_like(constant), constant),
    "Subtract": lambda constant, is_first: (
        (-np.ones_like(constant), constant) if is_first else (np.ones_like(constant), -constant)
    ),
    "Multiply": lambda constant, _: (constant, np.zeros_like(constant)),
    "Divide": _quotient,
    "TrueDivide": _quotient,
}


def _arithmetic(run: LayerRun) -> LayerArithmetic | None:
    """Handle two tensors, or a tensor and a constant that is the same at all places."""
    if len(run.raw_inputs) == 2:
        return merge.RULES[run.kind](run)
    arguments = run.arguments or ()
    constants = [_constant(argument) for argument in arguments]
    if len(arguments) != 2 or sum(constant is None for constant in constants) != 1:
        return None
    (constant,) = (value for value in constants if value is not None)
    if constant.size > 1 and constant.size != constant.shape[-1]:
        return None
    line = _LINES[run.kind](constant.reshape(-1), constants[0] is not None)
    return None if line is None else scaled(run, *line)


def _constant(value: Any) -> NDArray[np.float64] | None:
    """Return a constant's numbers; None for a tensor of the graph."""
    import keras

    if isinstance(value, keras.KerasTensor):
        return None
    return np.asarray(keras.ops.convert_to_numpy(value), np.float64)


def _over_places(reduce: str, description: str) -> Rule:
    def rule(run: LayerRun) -> LayerArithmetic | None:
        values, axes, rank = cells(run.raw_inputs[0]), run.layer.axis, run.raw_inputs[0].ndim
        if values is None or axes is None or len(run.raw_inputs) != 1:
            return None
        axes = [axes] if isinstance(axes, int) else axes
        if sorted(axis % rank for axis in axes) != list(range(1, rank - 1)) or rank < 3:
            return None
        if getattr(run.layer, "initial", None) is not None:
            return None
        return LayerArithmetic(
            "pooled", description, (Reading(run.raw_inputs[0], size=values.shape[:2]),), 0, reducing(reduce)
        )

    return rule


RULES: dict[str, Rule] = {
    **merge.RULES,
    **dict.fromkeys(_LINES, _arithmetic),
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    "Softmax": activation.RULES["Softmax"],
    "Mean": _over_places("mean", MEAN_OF_ALL),
    "Max": _over_places("max", LARGEST_OF_ALL),
    "Amax": _over_places("max", LARGEST_OF_ALL),
}
"""Class name of a Keras operator -> its rule."""
