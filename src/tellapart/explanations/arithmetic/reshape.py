"""Numbers that only move: flattening, reshaping, padding, joining."""

from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.pages.packing import pack

FLATTEN = "Computes nothing: writes the maps' numbers into one long row, place by place, channel by channel."
DESCRIPTIONS = {
    "Flatten": FLATTEN,
    "Concatenate": "Computes nothing: puts the channels side by side.",
    "ZeroPadding2D": "Puts zeros around the maps.",
    "UpSampling2D": "Repeats each number, which makes the maps larger.",
}
OTHERWISE = "Computes nothing: the same numbers in another order or shape."

LARGEST_COUNT = 2**24
"""Numbers that float32 can count exactly."""


def _copied(run: LayerRun) -> LayerArithmetic | None:
    operation = run.operation
    values = [cells(source) for source in run.raw_inputs]
    total = sum(source.numel() for source in run.raw_inputs)
    if operation is None or any(each is None for each in values) or total >= LARGEST_COUNT:
        return None
    if getattr(run.layer, "interpolation", "nearest") != "nearest":
        return None
    sources = _sources(run)

    def details(selection: Selection) -> dict[str, Any]:
        chosen = sources[np.ix_(list(selection.rows), list(selection.columns), list(selection.channels))]
        return {"sources": pack(chosen.reshape(-1, len(selection.channels)))}

    return LayerArithmetic(
        "moved", DESCRIPTIONS.get(run.kind, OTHERWISE), tuple(map(Reading, run.raw_inputs)), 0, details
    )


def _sources(run: LayerRun) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return where each output value comes from: counted over all inputs in Keras's order; -1: padding."""
    counted, so_far = [], 1
    for source in run.raw_inputs:
        keras_shape = source.permute(0, 2, 3, 1).shape if source.ndim == 4 else source.shape
        places = torch.arange(so_far, so_far + source.numel(), dtype=torch.float32)
        counted.append(to_torch(places.reshape(keras_shape)))
        so_far += source.numel()
    assert run.operation is not None
    with torch.no_grad():
        sources = cells(run.operation(*counted, training=False))
    assert sources is not None
    return sources.astype(np.int32) - 1


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Flatten", "Reshape", "Permute", "Concatenate", "RepeatVector",
            "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D",
        ),
        _copied,
    ),
}  # fmt: skip
