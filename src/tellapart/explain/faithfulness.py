"""Faithfulness: whether a map tells the truth about the network, measured instead of admired.

Two measures. Pixels are taken away, or given back, in the map's order: a true map
finds those that the answer hangs on. And the map is drawn again for a network whose weights
are noise: a map that does not change shows the picture, and not what the network learned.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Asked = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B,) shares, 0 to 1."""

STEPS = 32
"""Of a curve; each changes the same number of pixels."""

RANDOM_ORDERS = 8
"""Against which a map's order is held."""

ALIKE = 0.5
"""Rank correlation from which two maps show the same."""


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """A map's curves, beside those of random orders."""

    deletion: tuple[float, ...]
    """What is asked about, from the whole picture to none of it; the first to go is what the map marks most."""

    insertion: tuple[float, ...]
    """From a blurred picture to the whole one."""

    random_deletion: float
    """Mean area under the curves of random orders."""

    random_insertion: float

    sanity: float | None = None
    """Rank correlation, without sign, with the same map of a network whose weights are noise; None: not asked."""

    @property
    def deletion_area(self) -> float:
        """Under the curve, 0 to 1; less is truer."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Under the curve, 0 to 1; more is truer."""
        return area(self.insertion)

    @property
    def better_than_random(self) -> bool:
        """Whether both areas are."""
        return self.deletion_area < self.random_deletion and self.insertion_area > self.random_insertion

    @property
    def depends_on_weights(self) -> bool | None:
        """Whether noise in place of the weights changes the map; None: not asked."""
        return None if self.sanity is None else self.sanity < ALIKE


def area(curve: tuple[float, ...]) -> float:
    """Under a curve over 0 to 1 with points at equal distances, by trapezoids."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


def faithfulness(
    asked: Asked, image: Tensor, heat: Tensor, sanity: float | None = None, seed: int = 0
) -> Faithfulness:
    """Hold a map against the network that it speaks of.

    Args:
        asked: what the map was made for, as a share.
        image: (H, W, C).
        heat: (H, W), the larger the more it speaks for what is asked about.
        sanity: see there.
        seed: of the random orders.

    Source: Petsiuk et al. 2018, arXiv:1806.07421: deletion to black, insertion into a blurred picture.
    """
    random = torch.Generator().manual_seed(seed)
    orders = [heat.flatten().argsort(descending=True, stable=True)]
    orders += [torch.randperm(heat.numel(), generator=random) for _ in range(RANDOM_ORDERS)]
    black, soft = torch.zeros_like(image), blurred(image)
    deletions = [_curve(asked, image, black, order) for order in orders]
    insertions = [_curve(asked, soft, image, order) for order in orders]
    return Faithfulness(
        deletions[0],
        insertions[0],
        sum(map(area, deletions[1:])) / RANDOM_ORDERS,
        sum(map(area, insertions[1:])) / RANDOM_ORDERS,
        sanity,
    )


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's, of two maps of one shape, without its sign; 0 where one of them is the same everywhere."""
    ranks = torch.stack([_ranks(first), _ranks(second)])
    if bool((ranks.var(1) == 0).any()):
        return 0.0
    return abs(float(torch.corrcoef(ranks)[0, 1]))


def blurred(image: Tensor, share: float = 0.1) -> Tensor:
    """(H, W, C) through a Gaussian, mirrored at the edges.

    Args:
        image: (H, W, C).
        share: of the shorter side that is its standard deviation, above 0.
    """
    side = min(image.shape[:2])
    reach = max(1, min(side - 1, math.ceil(3 * share * side)))
    distances = torch.arange(-reach, reach + 1, dtype=image.dtype)
    kernel = torch.exp(-((distances / (share * side)) ** 2) / 2)
    kernel = kernel / kernel.sum()
    planes = image.permute(2, 0, 1)[:, None]  # (C, 1, H, W)
    planes = F.pad(planes, (reach, reach, reach, reach), mode="reflect") if side > reach else planes
    planes = F.conv2d(F.conv2d(planes, kernel[None, None, :, None]), kernel[None, None, None, :])
    return planes[:, 0].permute(1, 2, 0)


def _curve(asked: Asked, begin: Tensor, end: Tensor, order: Tensor) -> tuple[float, ...]:
    """What is asked about while `begin` becomes `end`, pixel by pixel in this order, in equal steps."""
    pixels = order.numel()
    steps = min(STEPS, pixels)
    place = torch.empty(pixels, dtype=torch.long)
    place[order] = torch.arange(pixels)
    changed = torch.linspace(0, pixels, steps + 1).round()
    masks = (place[None] < changed[:, None]).reshape(steps + 1, *begin.shape[:2], 1)
    with torch.inference_mode():
        return tuple(asked(torch.where(masks, end, begin)).tolist())


def _ranks(values: Tensor) -> Tensor:
    """Mean ranks, so that equal values are equal."""
    _, place, counts = values.flatten().unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[place]
