"""Normalization and scaling: a number less a mean, over a deviation; or times a factor, plus a shift."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.weighted_sum import numbers
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener, Shown
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.layout import to_torch
from tellapart.pages.packing import pack

BATCH = (
    "Each channel is shifted and stretched by a mean and a variance that were gathered in training, then by a "
    "factor and a shift that were learned."
)
CHANNELS = (
    "At each place the numbers of all channels are brought to mean 0 and variance 1, then stretched and shifted "
    "channel by channel as learned."
)
LENGTH = (
    "At each place the numbers of all channels are divided by the root of their mean square, then stretched "
    "channel by channel as learned."
)
GROUPS = (
    "The channels' maps are brought to mean 0 and variance 1, group by group, then stretched and shifted "
    "as learned."
)
UNIT = (
    "Numbers that belong together are divided by their length, the root of the sum of their squares: the length "
    "becomes 1."
)
SCALED = "Each number is multiplied by a factor and shifted."

Numbers = NDArray[np.float32]


def _batch(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    if layer.axis not in (-1, run.taken[0].ndim - 1):
        return None
    mean, variance = numbers(layer.moving_mean), numbers(layer.moving_variance)

    def details(shown: Shown) -> dict[str, Any]:
        channels = list(shown.channels)
        statistics = {"mean": pack(mean[channels]), "variance": pack(variance[channels])}
        return statistics | _learned(run, channels) | {"by": "channel"}

    return LayerArithmetic("normalized", BATCH, (Reading(run.taken[0]),), 4, details)


def _over_channels(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    axes = layer.axis if isinstance(layer.axis, list | tuple) else (layer.axis,)
    values = cells(run.taken[0])
    if values is None or [axis % run.taken[0].ndim for axis in axes] != [run.taken[0].ndim - 1]:
        return None
    wide = values.astype(np.float64)
    centered = run.kind == "LayerNormalization"
    mean = wide.mean(2) if centered else np.zeros(wide.shape[:2])
    variance = ((wide - mean[..., None]) ** 2).mean(2)

    def details(shown: Shown) -> dict[str, Any]:
        places = np.ix_(list(shown.rows), list(shown.columns))
        statistics = {"mean": _packed(mean[places]), "variance": _packed(variance[places])}
        return statistics | _learned(run, list(shown.channels)) | {"by": "place"}

    says = CHANNELS if centered else LENGTH
    return LayerArithmetic("normalized", says, (Reading(run.taken[0]),), 2, details)


def _over_groups(run: LayerRun) -> LayerArithmetic | None:
    layer, values = run.layer, cells(run.taken[0])
    if values is None or layer.axis not in (-1, run.taken[0].ndim - 1):
        return None
    count = values.shape[2] if layer.groups == -1 else layer.groups
    grouped = values.astype(np.float64).reshape(-1, count, values.shape[2] // count)
    each = values.shape[2] // count
    mean, variance = grouped.mean((0, 2)).repeat(each), grouped.var((0, 2)).repeat(each)

    def details(shown: Shown) -> dict[str, Any]:
        channels = list(shown.channels)
        statistics = {"mean": _packed(mean[channels]), "variance": _packed(variance[channels])}
        return statistics | _learned(run, channels) | {"by": "channel"}

    return LayerArithmetic("normalized", GROUPS, (Reading(run.taken[0]),), 4, details)


def _learned(run: LayerRun, channels: list[int]) -> dict[str, Any]:
    """Epsilon, and the factor and the shift where the layer has them."""
    layer = run.layer
    gamma = getattr(layer, "gamma", None) if run.kind != "RMSNormalization" else layer.scale
    found: dict[str, Any] = {"epsilon": float(layer.epsilon)}
    for name, variable in (("gamma", gamma), ("beta", getattr(layer, "beta", None))):
        if variable is not None:
            found[name] = pack(numbers(variable).reshape(-1)[channels])
    return found


def _rescaling(run: LayerRun) -> LayerArithmetic | None:
    return scaled(run, np.float64(run.layer.scale), np.float64(run.layer.offset))


def _standardized(run: LayerRun) -> LayerArithmetic | None:
    """The layer Normalization, whose numbers are those of the pictures that it was adapted to."""
    layer = run.layer
    if layer.invert or layer.mean.shape[-1] != np.prod(layer.mean.shape):
        return None
    mean, variance = (_broadcast_numbers(one) for one in (layer.mean, layer.variance))
    factor = 1 / np.maximum(np.sqrt(variance), 1e-7)
    return scaled(run, factor, -mean * factor)


def _layer_scale(run: LayerRun) -> LayerArithmetic | None:
    return scaled(run, numbers(run.layer.gamma), np.float64(0))


def _broadcast_numbers(value: Any) -> NDArray[np.float64]:
    return np.asarray(numbers(value), np.float64).reshape(-1)


def scaled(
    run: LayerRun, factor: NDArray[Any] | np.float64, shift: NDArray[Any] | np.float64
) -> LayerArithmetic | None:
    """Each number times a factor, plus a shift; of each one number, or one for each channel."""
    values = cells(run.taken[0])
    if values is None or len(run.taken) != 1:
        return None
    channels = values.shape[2]
    if any(np.size(one) not in (1, channels) for one in (factor, shift)):
        return None
    factors, shifts = (np.broadcast_to(np.ravel(one), channels) for one in (factor, shift))

    def details(shown: Shown) -> dict[str, Any]:
        chosen = list(shown.channels)
        return {"factor": _packed(factors[chosen]), "shift": _packed(shifts[chosen])}

    return LayerArithmetic("scaled", SCALED, (Reading(run.taken[0]),), 2, details)


def _to_unit_length(run: LayerRun) -> LayerArithmetic | None:
    """Over any axes; the length that is shown is no less than Keras divides by."""
    taken, axes = run.inputs[0], run.layer.axis
    if taken.ndim > 4:
        return None
    norms = taken.detach().double().square().sum(dim=axes, keepdim=True).sqrt().clamp_min(1e-12).float()
    found = cells(to_torch(norms))
    assert found is not None

    def details(shown: Shown) -> dict[str, Any]:
        return {"norm": pack(shown.of(found))}

    return LayerArithmetic("unit", UNIT, (Reading(run.taken[0]),), 1, details)


def _packed(values: NDArray[Any]) -> dict[str, Any]:
    return pack(np.asarray(values, np.float32).ravel())


OPENERS: dict[str, Opener] = {
    "BatchNormalization": _batch,
    "LayerNormalization": _over_channels,
    "RMSNormalization": _over_channels,
    "GroupNormalization": _over_groups,
    "Rescaling": _rescaling,
    "Normalization": _standardized,
    "LayerScale": _layer_scale,
    "UnitNormalization": _to_unit_length,
}
