"""Normalization and scaling: a number minus a mean, over a deviation; or times a factor, plus a shift."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.arithmetic.weighted_sum import numbers
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.pages.packing import pack

BATCH = (
    "Normalizes each channel by the mean and variance collected in training, then applies a learned factor and "
    "shift."
)
CHANNELS = (
    "At each position, brings the channels to mean 0 and variance 1, then applies a learned factor and shift to each "
    "channel."
)
LENGTH = (
    "At each position, divides the channels by the root of their mean square, then applies a learned factor to each "
    "channel."
)
GROUPS = (
    "Brings each group of channels to mean 0 and variance 1, then applies a learned factor and shift to each "
    "channel."
)
UNIT = (
    "Divides numbers that belong together by their length, the root of the sum of their squares, so that the length "
    "becomes 1."
)
SCALED = "Multiplies each number by a factor and adds a shift."

Numbers = NDArray[np.float32]


def _batch(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    if layer.axis not in (-1, run.raw_inputs[0].ndim - 1):
        return None
    mean, variance = numbers(layer.moving_mean), numbers(layer.moving_variance)

    def details(selection: Selection) -> dict[str, Any]:
        channels = list(selection.channels)
        statistics = {"mean": pack(mean[channels]), "variance": pack(variance[channels])}
        return statistics | _learned(run, channels) | {"by": "channel"}

    return LayerArithmetic("normalized", BATCH, (Reading(run.raw_inputs[0]),), 4, details)


def _over_channels(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    axes = layer.axis if isinstance(layer.axis, list | tuple) else (layer.axis,)
    values = cells(run.raw_inputs[0])
    if values is None or [axis % run.raw_inputs[0].ndim for axis in axes] != [run.raw_inputs[0].ndim - 1]:
        return None
    wide = values.astype(np.float64)
    centered = run.kind == "LayerNormalization"
    mean = wide.mean(2) if centered else np.zeros(wide.shape[:2])
    variance = ((wide - mean[..., None]) ** 2).mean(2)

    def details(selection: Selection) -> dict[str, Any]:
        places = np.ix_(list(selection.rows), list(selection.columns))
        statistics = {"mean": _packed(mean[places]), "variance": _packed(variance[places])}
        return statistics | _learned(run, list(selection.channels)) | {"by": "place"}

    description = CHANNELS if centered else LENGTH
    return LayerArithmetic("normalized", description, (Reading(run.raw_inputs[0]),), 2, details)


def _over_groups(run: LayerRun) -> LayerArithmetic | None:
    layer, values = run.layer, cells(run.raw_inputs[0])
    if values is None or layer.axis not in (-1, run.raw_inputs[0].ndim - 1):
        return None
    count = values.shape[2] if layer.groups == -1 else layer.groups
    grouped = values.astype(np.float64).reshape(-1, count, values.shape[2] // count)
    each = values.shape[2] // count
    mean, variance = grouped.mean((0, 2)).repeat(each), grouped.var((0, 2)).repeat(each)

    def details(selection: Selection) -> dict[str, Any]:
        channels = list(selection.channels)
        statistics = {"mean": _packed(mean[channels]), "variance": _packed(variance[channels])}
        return statistics | _learned(run, channels) | {"by": "channel"}

    return LayerArithmetic("normalized", GROUPS, (Reading(run.raw_inputs[0]),), 4, details)


def _learned(run: LayerRun, channels: list[int]) -> dict[str, Any]:
    """Return epsilon, and the learned factor and shift where the layer has them."""
    layer = run.layer
    gamma = getattr(layer, "gamma", None) if run.kind != "RMSNormalization" else layer.scale
    learned: dict[str, Any] = {"epsilon": float(layer.epsilon)}
    for name, variable in (("gamma", gamma), ("beta", getattr(layer, "beta", None))):
        if variable is not None:
            learned[name] = pack(numbers(variable).reshape(-1)[channels])
    return learned


def _rescaling(run: LayerRun) -> LayerArithmetic | None:
    return scaled(run, np.float64(run.layer.scale), np.float64(run.layer.offset))


def _standardized(run: LayerRun) -> LayerArithmetic | None:
    """Handle the layer Normalization, whose mean and variance come from `adapt`."""
    layer = run.layer
    if layer.invert or layer.mean.shape[-1] != np.prod(layer.mean.shape):
        return None
    mean, variance = (_flat_numbers(variable) for variable in (layer.mean, layer.variance))
    factor = 1 / np.maximum(np.sqrt(variance), 1e-7)
    return scaled(run, factor, -mean * factor)


def _layer_scale(run: LayerRun) -> LayerArithmetic | None:
    return scaled(run, numbers(run.layer.gamma), np.float64(0))


def _flat_numbers(value: Any) -> NDArray[np.float64]:
    return np.asarray(numbers(value), np.float64).reshape(-1)


def scaled(
    run: LayerRun, factor: NDArray[Any] | np.float64, shift: NDArray[Any] | np.float64
) -> LayerArithmetic | None:
    """Return the arithmetic of a factor and a shift, each one number or one for each channel."""
    values = cells(run.raw_inputs[0])
    if values is None or len(run.raw_inputs) != 1:
        return None
    channels = values.shape[2]
    if any(np.size(value) not in (1, channels) for value in (factor, shift)):
        return None
    factors, shifts = (np.broadcast_to(np.ravel(value), channels) for value in (factor, shift))

    def details(selection: Selection) -> dict[str, Any]:
        chosen = list(selection.channels)
        return {"factor": _packed(factors[chosen]), "shift": _packed(shifts[chosen])}

    return LayerArithmetic("scaled", SCALED, (Reading(run.raw_inputs[0]),), 2, details)


def _to_unit_length(run: LayerRun) -> LayerArithmetic | None:
    """Handle UnitNormalization over any axes; a length is shown as what Keras divides by, at least 1e-12."""
    values, axes = run.inputs[0], run.layer.axis
    if values.ndim > 4:
        return None
    lengths = values.detach().double().square().sum(dim=axes, keepdim=True).sqrt().clamp_min(1e-12).float()
    norms = cells(to_torch(lengths))
    assert norms is not None

    def details(selection: Selection) -> dict[str, Any]:
        return {"norm": pack(selection.of(norms))}

    return LayerArithmetic("unit", UNIT, (Reading(run.raw_inputs[0]),), 1, details)


def _packed(values: NDArray[Any]) -> dict[str, Any]:
    return pack(np.asarray(values, np.float32).ravel())


RULES: dict[str, Rule] = {
    "BatchNormalization": _batch,
    "LayerNormalization": _over_channels,
    "RMSNormalization": _over_channels,
    "GroupNormalization": _over_groups,
    "Rescaling": _rescaling,
    "Normalization": _standardized,
    "LayerScale": _layer_scale,
    "UnitNormalization": _to_unit_length,
}
