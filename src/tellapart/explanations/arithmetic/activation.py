"""Activations: functions of one number, with their curve; and the softmax, a function of all channels of a place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.lowering.ops.activations import ACTIVATIONS
from tellapart.pages.packing import pack

OF_MANY = frozenset({"softmax", "log_softmax", "glu", "sparsemax"})
"""Activations that read more than one number."""

POINTS, ENDS = 161, 8.0

ELEMENTWISE = "Applies the same function to each number."
SLOPED = "Leaves numbers above zero unchanged and multiplies those below by a learned slope."
SOFTMAX = "Divides e to the power of each number by the sum of all, so that the outputs are positive and add up to 1."


def is_elementwise(name: str) -> bool:
    """Return whether a Keras activation is a known function of one number."""
    return name in ACTIVATIONS and name not in OF_MANY


def curve_of(name: str) -> dict[str, Any]:
    """Return an activation's curve, for drawing."""
    places = torch.linspace(-ENDS, ENDS, POINTS)
    return _curve(places, ACTIVATIONS[name](places[None])[0])


def _curve(places: torch.Tensor, values: torch.Tensor) -> dict[str, Any]:
    return {"x": pack(places.numpy()), "y": pack(values.detach().numpy().astype(np.float32))}


def _activation(run: LayerRun) -> LayerArithmetic | None:
    name = getattr(run.layer.activation, "__name__", "")
    if name == "softmax":
        return _softmax(run)
    return elementwise(run, name, run.operation) if is_elementwise(name) else None


def _by_operation(run: LayerRun) -> LayerArithmetic | None:
    return elementwise(run, run.kind, run.operation)


def elementwise(
    run: LayerRun, name: str, function: Callable[..., torch.Tensor] | None
) -> LayerArithmetic | None:
    """Return the arithmetic of a function of one number, with its curve where finite; None without a function.

    Args:
        run: with one input.
        name: the function's, for the page.
        function: (1, N) -> (1, N); an operation, or an operator of Keras.
    """
    if function is None or len(run.raw_inputs) != 1:
        return None
    settings = {"training": False} if function is run.operation else {}

    def details(_: Selection) -> dict[str, Any]:
        places = torch.linspace(-ENDS, ENDS, POINTS)
        with torch.no_grad():
            values = function(places[None].clone(), **settings)[0]
        finite = torch.isfinite(values)
        return {"activation": name, "curve": _curve(places[finite], values[finite])}

    return LayerArithmetic("activated", ELEMENTWISE, (Reading(run.raw_inputs[0]),), 0, details)


def _softmax(run: LayerRun) -> LayerArithmetic | None:
    values = cells(run.raw_inputs[0])
    if values is None or getattr(run.layer, "axis", -1) not in (-1, len(run.raw_inputs[0].shape) - 1):
        return None

    def details(selection: Selection) -> dict[str, Any]:
        logits = values[np.ix_(list(selection.rows), list(selection.columns))]
        return {"logits": pack(logits.reshape(-1, values.shape[2]))}

    return LayerArithmetic("softmax", SOFTMAX, (Reading(run.raw_inputs[0]),), 0, details)


def _prelu(run: LayerRun) -> LayerArithmetic | None:
    """Handle PReLU, whose slopes are one for each number, or shared by places or channels."""
    slopes = cells(to_torch(run.layer.alpha.value.detach()[None]))
    if slopes is None or run.raw_inputs[0].ndim > 4:
        return None

    def details(selection: Selection) -> dict[str, Any]:
        return {"slope": pack(selection.of(slopes))}

    return LayerArithmetic("sloped", SLOPED, (Reading(run.raw_inputs[0]),), 1, details)


RULES: dict[str, Rule] = {
    "Activation": _activation,
    "ReLU": _by_operation,
    "LeakyReLU": _by_operation,
    "ELU": _by_operation,
    "PReLU": _prelu,
    "Softmax": _softmax,
}
