"""Numbers that only move: flattening, reshaping, padding, joining."""

from typing import Any

import numpy as np
import torch

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener, Shown
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.pages.packing import pack

FLATTEN = (
    "Nothing is computed: the maps' numbers are written in one long row, place by place, channel by channel."
)
SAYS = {
    "Flatten": FLATTEN,
    "Concatenate": "Nothing is computed: the channels are put side by side.",
    "ZeroPadding2D": "Zeros are put around the maps.",
    "UpSampling2D": "Each number is repeated, so the maps become larger.",
}
OTHERWISE = "Nothing is computed: the same numbers, in another order or shape."

LARGEST_COUNT = 2**24
"""Numbers that float32 can count exactly."""


def _copied(run: LayerRun) -> LayerArithmetic | None:
    operation = run.operation
    values = [cells(source) for source in run.taken]
    total = sum(source.numel() for source in run.taken)
    if operation is None or any(one is None for one in values) or total >= LARGEST_COUNT:
        return None
    if getattr(run.layer, "interpolation", "nearest") != "nearest":
        return None
    sources = _sources(run)

    def details(shown: Shown) -> dict[str, Any]:
        places = sources[np.ix_(list(shown.rows), list(shown.columns), list(shown.channels))]
        return {"sources": pack(places.reshape(-1, len(shown.channels)))}

    return LayerArithmetic(
        "moved", SAYS.get(run.kind, OTHERWISE), tuple(Reading(one) for one in run.taken), 0, details
    )


def _sources(run: LayerRun) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Of each number that comes out, where it stood: counted over all inputs in Keras's order; -1: padding."""
    counted, so_far = [], 1
    for source in run.taken:
        keras_shape = source.permute(0, 2, 3, 1).shape if source.ndim == 4 else source.shape
        places = torch.arange(so_far, so_far + source.numel(), dtype=torch.float32)
        counted.append(to_torch(places.reshape(keras_shape)))
        so_far += source.numel()
    assert run.operation is not None
    with torch.no_grad():
        found = cells(run.operation(*counted, training=False))
    assert found is not None
    return found.astype(np.int32) - 1


OPENERS: dict[str, Opener] = {
    **dict.fromkeys(
        (
            "Flatten", "Reshape", "Permute", "Concatenate", "RepeatVector",
            "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D",
        ),
        _copied,
    ),
}  # fmt: skip
