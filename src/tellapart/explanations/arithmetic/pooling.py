"""Pooling: the largest number of a window, or the mean; of a small window or of a whole map."""

from collections.abc import Callable
from typing import Any

from tellapart.explanations.arithmetic.cells import Reading, cells, pair
from tellapart.explanations.arithmetic.weighted_sum import before_same
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener, Shown
from tellapart.explanations.recorder import LayerRun

LARGEST = "Of each small window only the largest number goes on, so the maps become smaller."
MEAN = "Of each small window the mean goes on, so the maps become smaller."
LARGEST_OF_ALL = "Of each map only its largest number goes on: one number for each channel, wherever it was."
MEAN_OF_ALL = "Of each map only its mean goes on: one number for each channel."


def _windowed(reduce: str, says: str) -> Opener:
    def opener(run: LayerRun) -> LayerArithmetic | None:
        layer, values = run.layer, cells(run.taken[0])
        if values is None or layer.data_format != "channels_last":
            return None
        size, strides = pair(layer.pool_size), pair(layer.strides)
        before = (0, 0)
        if layer.padding == "same":
            if reduce == "mean" and run.operation is None:
                return None  # what is padded counts differently from backend to backend
            before = before_same(values.shape[:2], size, strides)
        reading = Reading(run.taken[0], size=size, strides=strides, before=before)
        return LayerArithmetic("pooled", says, (reading,), 0, reducing(reduce))

    return opener


def _of_all(reduce: str, says: str) -> Opener:
    def opener(run: LayerRun) -> LayerArithmetic | None:
        values = cells(run.taken[0])
        if values is None or run.layer.data_format != "channels_last":
            return None
        return LayerArithmetic(
            "pooled", says, (Reading(run.taken[0], size=values.shape[:2]),), 0, reducing(reduce)
        )

    return opener


def reducing(reduce: str) -> Callable[[Shown], dict[str, Any]]:
    """Details that say what becomes of a window: "max" or "mean"."""
    return lambda _: {"reduce": reduce}


OPENERS: dict[str, Opener] = {
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), _windowed("max", LARGEST)),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), _windowed("mean", MEAN)),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), _of_all("max", LARGEST_OF_ALL)),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _of_all("mean", MEAN_OF_ALL)),
}
