"""Layers that act only in training: dropout and its relatives, noise, random augmentation.

When a network predicts, such a layer changes nothing; that it did not is checked, not assumed.
"""

from typing import Any

import torch

from tellapart.explanations.arithmetic.cells import Reading
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule
from tellapart.explanations.recorder import LayerRun

INACTIVE = "For a prediction, as here, it changes nothing."

DROPOUT = (
    "In training, sets randomly chosen numbers to zero and scales up the others to compensate, so that the network "
    f"cannot rely on any single one. {INACTIVE}"
)
IN_GROUPS = (
    "In training, sets randomly chosen groups of numbers to zero, each group as a whole, and scales up the others to "
    f"compensate, so that the network cannot rely on any single one. {INACTIVE}"
)
SPATIAL = (
    "In training, sets randomly chosen channels to zero, each as a whole, and scales up the others to compensate, so "
    f"that the network cannot rely on any single one. {INACTIVE}"
)
GAUSSIAN = (
    "In training, multiplies each number by its own random number from a normal distribution around 1: nothing is "
    f"dropped, everything is noisy. {INACTIVE}"
)
ALPHA = (
    "In training, replaces randomly chosen numbers by the lowest value of the SELU activation, then scales and "
    f"shifts all numbers to keep their mean and variance. {INACTIVE}"
)
DEPTH = (
    "In training, randomly sets all numbers of a picture to zero, which skips this branch of the network; "
    f"otherwise scales them up to compensate. {INACTIVE}"
)
NOISE = f"In training, adds random noise around 0 to each number. {INACTIVE}"
AUGMENTS = (
    f"In training, changes pictures randomly, so that the network sees each in many variants. {INACTIVE}"
)
COST = (
    "Changes nothing. In training, large numbers here add to the loss, so that the network learns to keep them "
    "small."
)
PASSES = "Changes nothing here: its output equals its input."

BY_CHANCE = frozenset({"AugMix", "CutMix", "MaxNumBoundingBoxes", "MixUp", "RandAugment"})
"""Keras's layers for random augmentation, besides those whose name begins with Random."""


def passing(run: LayerRun) -> LayerArithmetic | None:
    """Return the arithmetic of a Keras layer whose output equals its input; None where it does not."""
    is_augmentation = run.kind.startswith("Random") or run.kind in BY_CHANCE
    return _passed(run, AUGMENTS if is_augmentation else PASSES)


def _passed(run: LayerRun, description: str, details: dict[str, Any] | None = None) -> LayerArithmetic | None:
    if len(run.raw_inputs) != 1 or not torch.equal(run.raw_inputs[0], run.raw_outputs[0]):
        return None
    return LayerArithmetic("off", description, (Reading(run.raw_inputs[0]),), 0, lambda _: details or {})


def _described(description: str) -> Rule:
    return lambda run: _passed(run, description)


def _with_drawing(description: str, drawing: str) -> Rule:
    """Return a rule for a layer whose effect in training the page draws: "numbers", "channels" or "noise"."""

    def rule(run: LayerRun) -> LayerArithmetic | None:
        rate = float(run.layer.rate)
        return _passed(run, description, {"drawing": drawing, "rate": rate} if 0 < rate < 1 else None)

    return rule


def _dropout(run: LayerRun) -> LayerArithmetic | None:
    by_number = run.layer.noise_shape is None
    return (_with_drawing(DROPOUT, "numbers") if by_number else _described(IN_GROUPS))(run)


def _spatial_dropout(run: LayerRun) -> LayerArithmetic | None:
    last = getattr(run.layer, "data_format", "channels_last") == "channels_last"
    return (_with_drawing(SPATIAL, "channels") if last else _described(IN_GROUPS))(run)


RULES: dict[str, Rule] = {
    "Dropout": _dropout,
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _spatial_dropout),
    "GaussianDropout": _with_drawing(GAUSSIAN, "noise"),
    "AlphaDropout": _described(ALPHA),
    "StochasticDepth": _described(DEPTH),
    "GaussianNoise": _described(NOISE),
    "ActivityRegularization": _described(COST),
}
