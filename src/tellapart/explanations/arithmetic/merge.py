"""Merging: several inputs number by number; and attention, where each place looks at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Pair, Reading, cells
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener, Shown
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_keras
from tellapart.pages.packing import pack

SAYS = {
    "Add": "The inputs are added, number by number: what was there before goes on beside what was made of it.",
    "Subtract": "The second input is taken from the first, number by number.",
    "Divide": "The first input is divided by the second, number by number.",
    "TrueDivide": "The first input is divided by the second, number by number.",
    "Multiply": "The inputs are multiplied, number by number: one lets pass more or less of the other.",
    "Average": "The mean of the inputs, number by number.",
    "Maximum": "The largest of the inputs, number by number.",
    "Minimum": "The smallest of the inputs, number by number.",
}

ATTENTION = (
    "Each place looks at all places: in every head, weights that add up to 1 say how much of each other place's "
    "numbers it takes. The heads' findings are then mixed by a dense layer."
)


def _merged(run: LayerRun) -> LayerArithmetic | None:
    given = cells(run.given[0])
    if given is None or len(run.taken) < 2:
        return None
    readings = [_broadcast(source, given.shape) for source in run.taken]
    if any(one is None for one in readings):
        return None

    def details(_: Shown) -> dict[str, Any]:
        return {"reduce": run.kind.lower().removeprefix("true")}

    return LayerArithmetic(
        "merged", SAYS[run.kind], tuple(one for one in readings if one is not None), 0, details
    )


def _broadcast(source: torch.Tensor, given: tuple[int, ...]) -> Reading | None:
    """Number by number; an input of one row, column or channel serves all."""
    values = cells(source)
    if values is None or any(have not in (1, want) for have, want in zip(values.shape, given, strict=True)):
        return None
    strides: Pair = (int(values.shape[0] == given[0]), int(values.shape[1] == given[1]))
    start: Callable[[int], int] = (lambda c: c) if values.shape[2] == given[2] else (lambda _: 0)
    return Reading(source, strides=strides, start=start)


def _attention(run: LayerRun) -> LayerArithmetic | None:
    inputs = [to_keras(one) for one in run.taken]
    if inputs[0].ndim != 3 or len(inputs) not in (2, 3):
        return None
    with torch.no_grad():
        _, scores = run.layer(*inputs, return_attention_scores=True)  # (1, heads, T, S)
    weights = scores[0].permute(1, 0, 2).float().cpu().numpy()

    def details(shown: Shown) -> dict[str, Any]:
        return {"weights": pack(np.ascontiguousarray(weights[list(shown.rows)]))}  # (places, heads, S)

    return LayerArithmetic("attention", ATTENTION, (), 0, details)


OPENERS: dict[str, Opener] = {
    **dict.fromkeys(SAYS, _merged),
    "MultiHeadAttention": _attention,
    "GroupedQueryAttention": _attention,
}
