"""Pooling: the largest number or the mean of a small window, or of a whole map."""

from collections.abc import Callable
from typing import Any

from tellapart.explanations.arithmetic.cells import Reading, cells, pair
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.arithmetic.weighted_sum import before_same
from tellapart.explanations.recorder import LayerRun

LARGEST = "Keeps the largest number of each small window, which makes the maps smaller."
MEAN = "Keeps the mean of each small window, which makes the maps smaller."
LARGEST_OF_ALL = "Keeps the largest number of each map: one number per channel, wherever it was."
MEAN_OF_ALL = "Keeps the mean of each map: one number per channel."


def _windowed(reduce: str, description: str) -> Rule:
    def rule(run: LayerRun) -> LayerArithmetic | None:
        layer, values = run.layer, cells(run.raw_inputs[0])
        if values is None or layer.data_format != "channels_last":
            return None
        size, strides = pair(layer.pool_size), pair(layer.strides)
        before = (0, 0)
        if layer.padding == "same":
            if reduce == "mean" and run.operation is None:
                return None  # backends differ in how padding counts
            before = before_same(values.shape[:2], size, strides)
        reading = Reading(run.raw_inputs[0], size=size, strides=strides, before=before)
        return LayerArithmetic("pooled", description, (reading,), 0, reducing(reduce))

    return rule


def _of_all(reduce: str, description: str) -> Rule:
    def rule(run: LayerRun) -> LayerArithmetic | None:
        values = cells(run.raw_inputs[0])
        if values is None or run.layer.data_format != "channels_last":
            return None
        return LayerArithmetic(
            "pooled", description, (Reading(run.raw_inputs[0], size=values.shape[:2]),), 0, reducing(reduce)
        )

    return rule


def reducing(reduce: str) -> Callable[[Selection], dict[str, Any]]:
    """Return details that say how a window is reduced: "max" or "mean"."""
    return lambda _: {"reduce": reduce}


RULES: dict[str, Rule] = {
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), _windowed("max", LARGEST)),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), _windowed("mean", MEAN)),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), _of_all("max", LARGEST_OF_ALL)),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _of_all("mean", MEAN_OF_ALL)),
}
