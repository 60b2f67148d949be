"""Merging: several inputs, number by number; and attention, where each place reads all places."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Pair, Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_keras
from tellapart.pages.packing import pack

DESCRIPTIONS = {
    "Add": "Adds the inputs, number by number. In a residual block, this adds a shortcut to the block's result.",
    "Subtract": "Subtracts the second input from the first, number by number.",
    "Divide": "Divides the first input by the second, number by number.",
    "TrueDivide": "Divides the first input by the second, number by number.",
    "Multiply": "Multiplies the inputs, number by number: one acts as a gate for the other.",
    "Average": "Takes the mean of the inputs, number by number.",
    "Maximum": "Takes the largest of the inputs, number by number.",
    "Minimum": "Takes the smallest of the inputs, number by number.",
}

ATTENTION = (
    "Each place reads all places: in every head, weights that add up to 1 say how much it takes from each. A dense "
    "layer then mixes the heads."
)


def _merged(run: LayerRun) -> LayerArithmetic | None:
    output = cells(run.raw_outputs[0])
    if output is None or len(run.raw_inputs) < 2:
        return None
    readings = [_broadcast(source, output.shape) for source in run.raw_inputs]
    known = tuple(reading for reading in readings if reading is not None)
    if len(known) < len(readings):
        return None

    def details(_: Selection) -> dict[str, Any]:
        return {"reduce": run.kind.lower().removeprefix("true")}

    return LayerArithmetic("merged", DESCRIPTIONS[run.kind], known, 0, details)


def _broadcast(source: torch.Tensor, shape: tuple[int, ...]) -> Reading | None:
    """Return a reading number by number; an input of one row, column or channel serves all."""
    values = cells(source)
    if values is None or any(have not in (1, want) for have, want in zip(values.shape, shape, strict=True)):
        return None
    strides: Pair = (int(values.shape[0] == shape[0]), int(values.shape[1] == shape[1]))
    start: Callable[[int], int] = (lambda c: c) if values.shape[2] == shape[2] else (lambda _: 0)
    return Reading(source, strides=strides, start=start)


def _attention(run: LayerRun) -> LayerArithmetic | None:
    inputs = [to_keras(raw) for raw in run.raw_inputs]
    if inputs[0].ndim != 3 or len(inputs) not in (2, 3):
        return None
    with torch.no_grad():
        _, scores = run.layer(*inputs, return_attention_scores=True)  # (1, heads, T, S)
    weights = scores[0].permute(1, 0, 2).float().cpu().numpy()

    def details(selection: Selection) -> dict[str, Any]:
        return {"weights": pack(np.ascontiguousarray(weights[list(selection.rows)]))}  # (places, heads, S)

    return LayerArithmetic("attention", ATTENTION, (), 0, details)


RULES: dict[str, Rule] = {
    **dict.fromkeys(DESCRIPTIONS, _merged),
    "MultiHeadAttention": _attention,
    "GroupedQueryAttention": _attention,
}
