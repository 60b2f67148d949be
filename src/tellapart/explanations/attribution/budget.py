"""Scope: how many classes are compared, and how finely, so that heat maps take reasonable time on every machine.

The cost is the number of the network's runs times that of one (`explanations/cost.py`). A cheap network gets
everything; for a dearer one first the classes become fewer, then the effort less. The random maps that each map must
beat are always as many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS
from tellapart.explanations.attribution.task import Effort
from tellapart.pages.card import Readable

BUDGET = 2.5e12
"""FLOPs that the maps of a network of up to FULL_EFFORT may take. On two cores, 10 to 20 seconds."""

FULL_EFFORT, LESS_EFFORT = 1e9, 6e9
"""FLOPs of one image up to which a network gets the full effort, and less; beyond, the least."""

LESS = Effort(masks=120, quadrature=12, noisy_copies=8, strides=8, curve_steps=8)
"""For MobileNetV2 or EfficientNet-Lite0 on photos, some 1,500 runs. 120 masks are as good as 250
(`benchmarks/quick_map.py`)."""

LEAST = Effort(masks=120, quadrature=8, noisy_copies=4, strides=8, curve_steps=5)
"""For ResNet-50 or ConvNeXt on photos: some 1,100 runs."""

MASKS_SHARE = 0.25
"""Share of the budget that RISE's masks may take."""

MIN_MASKS = 250

MAX_CLASSES = 10
"""Classes at most, however cheap: nobody reads a page of more."""

MIN_FLOPS = 1e8
"""FLOPs that a run counts as at least: a small network spends most of its time between the products."""

GRID_SIZES = 4
"""Grid sizes of random maps that an image's maps are usually compared with."""

NETWORKS = 2
"""The network itself and a randomized one."""


@dataclass(frozen=True, slots=True)
class Scope(Readable):
    """Which classes heat maps compare, and how finely."""

    classes: tuple[int, ...]
    """The likeliest first, then those that the user named."""

    effort: Effort
    cost: int
    """FLOPs of one image, forward."""

    @property
    def masks(self) -> int:
        """Random masks of RISE."""
        return self.effort.masks


def scope_of(order: Sequence[int], named: Sequence[int], cost: int) -> Scope:
    """Return as many of the likeliest classes as the budget allows, at least two, and all named classes.

    Args:
        order: class indices, the likeliest first.
        named: class indices that the user named; taken at any cost.
        cost: FLOPs of one image, from `explanations.cost`.
    """
    effort, per_run = effort_of(cost), max(MIN_FLOPS, cost)
    most = min(MAX_CLASSES, len(order))
    count = max((n for n in range(2, most + 1) if runs(n, effort) * per_run <= BUDGET), default=min(2, most))
    return Scope(tuple(dict.fromkeys([*order[:count], *named])), effort, cost)


def effort_of(cost: int) -> Effort:
    """Return how finely maps are drawn and measured for a network of this many FLOPs an image."""
    if cost > LESS_EFFORT:
        return LEAST
    if cost > FULL_EFFORT:
        return LESS
    affordable = MASKS_SHARE * BUDGET / (NETWORKS * max(MIN_FLOPS, cost))
    return replace(full := Effort(), masks=int(min(full.masks, max(MIN_MASKS, affordable))))


def runs(classes: int, effort: Effort) -> int:
    """Return how often the network runs for all maps and measures; a backward pass counts as one run."""
    drawing = sum(method.runs(classes, effort) for method in METHODS.values())
    curve = 2 * (effort.curve_steps + 1)  # deletion and insertion
    return NETWORKS * drawing + curve * (GRID_SIZES * RANDOM_MAPS + len(METHODS) * classes**2)
