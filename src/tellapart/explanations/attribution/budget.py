"""Scope: how many classes are compared, and by how many random masks, so that heat maps take reasonable time.

The cost is that of running the network: the number of runs times the FLOPs for one image, plus what moving its
layers' outputs through memory costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tellapart.explanations.attribution.faithfulness import STEPS as CURVE_STEPS
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS
from tellapart.explanations.attribution.task import MASKS
from tellapart.explanations.recorder import Recorder

BUDGET = 2.5e12
"""FLOPs. At the 100 GFLOP/s of one core, 25 seconds."""

MASKS_SHARE = 0.25
"""Share of the budget that RISE's masks may take."""

MIN_MASKS = 250

MAX_CLASSES = 10
"""Classes at most, however cheap: nobody reads a page of more."""

FLOPS_PER_OUTPUT = 100
"""FLOPs that each number of a layer's output counts as: what a core computes while it writes and reads one."""

MIN_FLOPS = 1e8
"""FLOPs that a run counts as at least: a small network spends most of its time between the products."""

GRID_SIZES = 4
"""Grid sizes of random maps that an image's maps are usually compared with."""

NETWORKS = 2
"""The network itself and a randomized one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which classes heat maps compare."""

    classes: tuple[int, ...]
    """The likeliest first, then those that the user named."""

    masks: int
    """Random masks for RISE."""

    cost: int
    """FLOPs of one image, forward."""


def scope_of(order: Sequence[int], named: Sequence[int], cost: int) -> Scope:
    """Return as many of the likeliest classes as the budget allows, at least two, and all named classes.

    Args:
        order: class indices, the likeliest first.
        named: class indices that the user named; taken at any cost.
        cost: FLOPs of one image, from `cost_of`.
    """
    per_run = max(MIN_FLOPS, cost)
    masks = int(min(MASKS, max(MIN_MASKS, MASKS_SHARE * BUDGET / (NETWORKS * per_run))))
    most = min(MAX_CLASSES, len(order))
    count = max((n for n in range(2, most + 1) if runs(n, masks) * per_run <= BUDGET), default=min(2, most))
    return Scope(tuple(dict.fromkeys([*order[:count], *named])), masks, cost)


def runs(classes: int, masks: int) -> int:
    """Return how often the network runs for all maps and measures; a backward pass counts as one run."""
    drawing = sum(method.runs(classes, masks) for method in METHODS.values())
    curve = 2 * (CURVE_STEPS + 1)  # deletion and insertion
    return NETWORKS * drawing + curve * (GRID_SIZES * RANDOM_MAPS + len(METHODS) * classes**2)


def cost_of(recorder: Recorder, image: Tensor) -> int:
    """Return the FLOPs of one image, forward: torch's count, 2 per multiply-add, plus the layers' outputs.

    Args:
        recorder: of the network.
        image: (H, W, C) float32, 0-255.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        layers = recorder.run(image[None]).layers
    return counter.get_total_flops() + FLOPS_PER_OUTPUT * sum(run.raw_outputs[0].numel() for run in layers)
