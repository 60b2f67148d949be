"""Layers that act in training alone: dropout and its relatives, noise, changes of pictures by chance.

Where a network answers, all numbers pass such a layer as they are; that they did is looked at, not assumed.
"""

from typing import Any

import torch

from tellapart.explanations.arithmetic.cells import Reading
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener
from tellapart.explanations.recorder import LayerRun

ANSWERS = "Here, where it answers, all pass as they are."

DROPOUT = (
    "In training, some of the numbers are set to zero by chance and the others made larger to make up for it, so "
    f"that the network cannot rely on any one of them. {ANSWERS}"
)
IN_GROUPS = (
    "In training, some of the numbers are set to zero by chance, in groups that stay or go together, and the others "
    f"made larger to make up for it, so that the network cannot rely on any one of them. {ANSWERS}"
)
SPATIAL = (
    "In training, some of the channels are set to zero by chance, each as a whole, and the others made larger to "
    f"make up for it, so that the network cannot rely on any one of them. {ANSWERS}"
)
GAUSSIAN = (
    "In training, each number is multiplied by a number of its own, drawn by chance around 1 from a normal "
    f"distribution: none is dropped, all are blurred. {ANSWERS}"
)
ALPHA = (
    "In training, some of the numbers, chosen by chance, are replaced by the lowest that the activation SELU can "
    f"give; then all are stretched and shifted, so that their mean and variance stay what they were. {ANSWERS}"
)
DEPTH = (
    "In training, all numbers of a picture are set to zero together by chance, so that this branch of the network "
    f"is left out; else they are made larger to make up for it. {ANSWERS}"
)
NOISE = f"In training, a number drawn by chance around 0 is added to each of the numbers. {ANSWERS}"
AUGMENTS = (
    "In training, this layer changes pictures by chance, so that the network sees each of them in many forms. "
    f"{ANSWERS}"
)
COST = (
    "In training, large numbers here add to the loss, so that the network learns to keep them small. The numbers "
    "themselves pass as they are, always."
)
PASSES = "Here this layer gives the same numbers as it takes."

BY_CHANCE = frozenset({"AugMix", "CutMix", "MaxNumBoundingBoxes", "MixUp", "RandAugment"})
"""Keras's layers that change pictures by chance, beside those whose name begins with Random."""


def passing(run: LayerRun) -> LayerArithmetic | None:
    """How a layer of Keras is told that gave just what it took; None where it did not."""
    is_augmentation = run.kind.startswith("Random") or run.kind in BY_CHANCE
    return _passed(run, AUGMENTS if is_augmentation else PASSES)


def _passed(run: LayerRun, says: str, details: dict[str, Any] | None = None) -> LayerArithmetic | None:
    if len(run.taken) != 1 or not torch.equal(run.taken[0], run.given[0]):
        return None
    return LayerArithmetic("off", says, (Reading(run.taken[0]),), 0, lambda _: details or {})


def _saying(says: str) -> Opener:
    return lambda run: _passed(run, says)


def _drawn(says: str, drawn: str) -> Opener:
    """With what a step of training may look like, drawn by the page: "numbers", "channels" or "noise"."""

    def opener(run: LayerRun) -> LayerArithmetic | None:
        rate = float(run.layer.rate)
        return _passed(run, says, {"drawn": drawn, "rate": rate} if 0 < rate < 1 else None)

    return opener


def _dropout(run: LayerRun) -> LayerArithmetic | None:
    by_number = run.layer.noise_shape is None
    return (_drawn(DROPOUT, "numbers") if by_number else _saying(IN_GROUPS))(run)


def _spatial_dropout(run: LayerRun) -> LayerArithmetic | None:
    last = getattr(run.layer, "data_format", "channels_last") == "channels_last"
    return (_drawn(SPATIAL, "channels") if last else _saying(IN_GROUPS))(run)


OPENERS: dict[str, Opener] = {
    "Dropout": _dropout,
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _spatial_dropout),
    "GaussianDropout": _drawn(GAUSSIAN, "noise"),
    "AlphaDropout": _saying(ALPHA),
    "StochasticDepth": _saying(DEPTH),
    "GaussianNoise": _saying(NOISE),
    "ActivityRegularization": _saying(COST),
}
