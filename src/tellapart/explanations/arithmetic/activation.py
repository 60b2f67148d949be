"""Activations: functions of one number, with their curve; and the softmax, which is of all of a place's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener, Shown
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.lowering.ops.activations import ACTIVATIONS
from tellapart.pages.packing import pack

OF_MANY = frozenset({"softmax", "log_softmax", "glu", "sparsemax"})
"""Activations that look at more than one number."""

POINTS, ENDS = 161, 8.0

ELEMENTWISE = "Each number goes through the same function, by itself."
SLOPED = "Numbers above zero pass as they are; those below are multiplied by a slope that was learned."
SOFTMAX = (
    "e to the power of each number, divided by the sum of all: what comes out is positive and adds up to 1."
)


def is_elementwise(name: str) -> bool:
    """Whether a Keras activation is a known function of one number."""
    return name in ACTIVATIONS and name not in OF_MANY


def curve_of(name: str) -> dict[str, Any]:
    """An activation's curve, for drawing."""
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
    """A function of one number, with its curve where that is finite; None where there is no function to ask.

    Args:
        run: of one input.
        name: the function's, as it is to be written.
        function: (1, N) -> (1, N); an operation, or an operator of Keras.
    """
    if function is None or len(run.taken) != 1:
        return None
    settings = {"training": False} if function is run.operation else {}

    def details(_: Shown) -> dict[str, Any]:
        places = torch.linspace(-ENDS, ENDS, POINTS)
        with torch.no_grad():
            values = function(places[None].clone(), **settings)[0]
        finite = torch.isfinite(values)
        return {"activation": name, "curve": _curve(places[finite], values[finite])}

    return LayerArithmetic("activated", ELEMENTWISE, (Reading(run.taken[0]),), 0, details)


def _softmax(run: LayerRun) -> LayerArithmetic | None:
    values = cells(run.taken[0])
    if values is None or getattr(run.layer, "axis", -1) not in (-1, len(run.taken[0].shape) - 1):
        return None

    def details(shown: Shown) -> dict[str, Any]:
        found = values[np.ix_(list(shown.rows), list(shown.columns))]
        return {"logits": pack(found.reshape(-1, values.shape[2]))}

    return LayerArithmetic("softmax", SOFTMAX, (Reading(run.taken[0]),), 0, details)


def _prelu(run: LayerRun) -> LayerArithmetic | None:
    """With the slope below zero, one for each number or shared by places or channels."""
    slopes = cells(to_torch(run.layer.alpha.value.detach()[None]))
    if slopes is None or run.taken[0].ndim > 4:
        return None

    def details(shown: Shown) -> dict[str, Any]:
        return {"slope": pack(shown.of(slopes))}

    return LayerArithmetic("sloped", SLOPED, (Reading(run.taken[0]),), 1, details)


OPENERS: dict[str, Opener] = {
    "Activation": _activation,
    "ReLU": _by_operation,
    "LeakyReLU": _by_operation,
    "ELU": _by_operation,
    "PReLU": _prelu,
    "Softmax": _softmax,
}
