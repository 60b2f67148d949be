"""Activations: functions of one number, with their curve; and the softmax, which is of all of a place's."""

from typing import Any

import numpy as np
import torch

from tellapart.explain.record import LayerRun
from tellapart.explanation.opened.cells import Reading, cells
from tellapart.explanation.opened.working import Opener, Shown, Working
from tellapart.explanation.packing import pack
from tellapart.lower.activations import ACTIVATIONS

OF_MANY = frozenset({"softmax", "log_softmax", "glu", "sparsemax"})
"""Activations that look at more than one number."""

POINTS, ENDS = 161, 8.0

ELEMENTWISE = "Each number goes through the same function, by itself."
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


def _activation(run: LayerRun) -> Working | None:
    name = getattr(run.layer.activation, "__name__", "")
    if name == "softmax":
        return _softmax(run)
    return _elementwise(run, name) if is_elementwise(name) else None


def _by_operation(run: LayerRun) -> Working | None:
    return _elementwise(run, run.kind)


def _elementwise(run: LayerRun, name: str) -> Working | None:
    operation = run.operation
    if operation is None:
        return None

    def details(_: Shown) -> dict[str, Any]:
        places = torch.linspace(-ENDS, ENDS, POINTS)
        with torch.no_grad():
            values = operation(places[None].clone(), training=False)[0]
        return {"activation": name, "curve": _curve(places, values)}

    return Working("activated", ELEMENTWISE, (Reading(run.taken[0]),), 0, details)


def _softmax(run: LayerRun) -> Working | None:
    values = cells(run.taken[0])
    if values is None or getattr(run.layer, "axis", -1) not in (-1, len(run.taken[0].shape) - 1):
        return None

    def details(shown: Shown) -> dict[str, Any]:
        found = values[np.ix_(list(shown.rows), list(shown.columns))]
        return {"logits": pack(found.reshape(-1, values.shape[2]))}

    return Working("softmax", SOFTMAX, (Reading(run.taken[0]),), 0, details)


OPENERS: dict[str, Opener] = {
    "Activation": _activation,
    "ReLU": _by_operation,
    "LeakyReLU": _by_operation,
    "ELU": _by_operation,
    "Softmax": _softmax,
}
