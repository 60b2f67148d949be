"""Scope: which classes are asked about, and with how many random masks, so that maps take reasonable time.

The cost is that of the network's runs: their number times the FLOPs of one picture, and what moving its layers'
numbers through memory takes beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tellapart.explanations.attribution.faithfulness import STEPS as CURVE_STEPS
from tellapart.explanations.attribution.gradients import SAMPLES
from tellapart.explanations.attribution.gradients import STEPS as QUADRATURE_STEPS
from tellapart.explanations.attribution.methods import MASKS, METHODS
from tellapart.explanations.attribution.random_baseline import ORDERS
from tellapart.explanations.recorder import Recorder

BUDGET = 2.5e12
"""FLOPs. At the 100 GFLOP/s of one core, 25 seconds."""

MASKS_SHARE = 0.25
"""Of the budget, that RISE's masks may take."""

FEWEST_MASKS = 250

MOST_CLASSES = 10
"""However cheap: more fill no page that anybody reads."""

FLOPS_OF_A_NUMBER = 100
"""That a layer's output counts as besides: about what a core computes while it writes and reads it."""

LEAST_FLOPS = 1e8
"""That a run counts as: of a small network most time is spent between the products."""

SQUARES = 13 * 13
"""That occlusion hides, one by one."""

GRAINS = 4
"""Of random maps, that a picture's maps usually are held against."""

NETWORKS = 2
"""The one asked about, and the one of noise."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked."""

    classes: tuple[int, ...]
    """The likeliest first, behind them those that somebody named."""

    masks: int
    """That RISE is given."""

    cost: int
    """Of one picture, forward, in FLOPs."""


def scope_of(order: Sequence[int], asked: Sequence[int], cost: int) -> Scope:
    """As many of the likeliest classes as the budget has room for, two at least, and those named, at any cost.

    Args:
        order: classes, the likeliest first.
        asked: classes that somebody named.
        cost: of one picture, as `cost_of` gives it.
    """
    each = max(LEAST_FLOPS, cost)
    masks = int(min(MASKS, max(FEWEST_MASKS, MASKS_SHARE * BUDGET / (NETWORKS * each))))
    most = min(MOST_CLASSES, len(order))
    count = max((n for n in range(2, most + 1) if passes(n, masks) * each <= BUDGET), default=min(2, most))
    return Scope(tuple(dict.fromkeys([*order[:count], *asked])), masks, cost)


def passes(classes: int, masks: int) -> int:
    """Runs of the network that every map and measure of so many classes takes; one backward counts as one."""
    gradients = (QUADRATURE_STEPS + SAMPLES) * (1 + classes)
    curve = 2 * (CURVE_STEPS + 1)  # deletion and insertion
    return NETWORKS * (gradients + SQUARES + masks) + curve * (GRAINS * ORDERS + len(METHODS) * classes**2)


def cost_of(recorder: Recorder, image: Tensor) -> int:
    """Of one picture, forward, in FLOPs: those that torch counts, 2 for each multiply-add, and layers' outputs.

    Args:
        recorder: of the network.
        image: (H, W, C) float32, 0-255.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        layers = recorder.run(image[None]).layers
    return counter.get_total_flops() + FLOPS_OF_A_NUMBER * sum(run.given[0].numel() for run in layers)
