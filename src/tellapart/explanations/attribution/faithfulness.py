"""Faithfulness: whether a map tells the truth about the network, measured instead of admired.

Two measures. Pixels are taken away, or given back, in the map's order: a true map
finds those that the answer hangs on. And the map is drawn again for a network whose weights
are noise: a map that does not change shows the picture, and not what the network learned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Predict = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, classes) probabilities."""

Share = Callable[[Tensor], Tensor]
"""(N, classes) probabilities -> (N,) what is asked about, as a share, 0 to 1."""

STEPS = 16
"""Of a curve; each changes the same number of pixels."""

LEAST_MOVE = 0.05
"""By which a share must move along a curve, in the mean over random maps, for its area to tell anything."""

ALIKE = 0.5
"""Rank correlation from which two maps show the same."""


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """A map's curves, beside those of random maps that are as coarse."""

    deletion: tuple[float, ...]
    """What is asked about, from the whole picture to none of it; the first to go is what the map marks most."""

    insertion: tuple[float, ...]
    """From a blurred picture to the whole one."""

    random_deletion: tuple[float, ...]
    """Mean of the curves of the random maps."""

    random_insertion: tuple[float, ...]

    best_random_score: float
    """The largest `score` of a random map."""

    deletion_tells: bool
    """Whether the answer moves at all while random maps take the picture away."""

    insertion_tells: bool
    """The same of giving it back: a picture that is known by its blur says nothing."""

    sanity: float | None = None
    """Rank correlation, without sign, with the same map of networks whose weights are noise, in the mean;
    None: not asked."""

    @property
    def deletion_area(self) -> float:
        """Under the curve, 0 to 1; less is truer."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Under the curve, 0 to 1; more is truer."""
        return area(self.insertion)

    @property
    def random_deletion_area(self) -> float:
        """Mean area under the curves of the random maps."""
        return area(self.random_deletion)

    @property
    def random_insertion_area(self) -> float:
        """The same of insertion."""
        return area(self.random_insertion)

    @property
    def score(self) -> float:
        """The area of insertion less that of deletion, of those that tell; more is truer."""
        return self.insertion_area * self.insertion_tells - self.deletion_area * self.deletion_tells

    @property
    def better_than_random(self) -> bool | None:
        """Whether both areas are better than the random maps' mean, and the score than every random map's.

        The mean alone half of all random maps are better than. An area that tells nothing is left out; None:
        neither tells anything.
        """
        if not (self.deletion_tells or self.insertion_tells):
            return None
        less = not self.deletion_tells or self.deletion_area < self.random_deletion_area
        more = not self.insertion_tells or self.insertion_area > self.random_insertion_area
        return less and more and self.score > self.best_random_score

    @property
    def depends_on_weights(self) -> bool | None:
        """Whether noise in place of the weights changes the map; None: not asked."""
        return None if self.sanity is None else self.sanity < ALIKE

    @property
    def is_true(self) -> bool:
        """Whether it is truer than chance, and nothing speaks against it."""
        return self.better_than_random is True and self.depends_on_weights is not False


def area(curve: Sequence[float]) -> float:
    """Under a curve over 0 to 1 with points at equal distances, by trapezoids."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


class Curves(NamedTuple):
    """What a network says of every class while a picture's pixels go, or come, in one order."""

    deletion: Tensor
    """(points, classes) probabilities, from the whole picture to a black one."""

    insertion: Tensor
    """(points, classes), from a blurred picture to the whole one."""


def curves(answers: Predict, image: Tensor, order: Tensor) -> Curves:
    """Take pixels away, and give them back, in one order.

    Args:
        answers: of the network.
        image: (H, W, C).
        order: (H * W,), places of pixels, row by row.

    Source: Petsiuk et al. 2018, arXiv:1806.07421: deletion to black, insertion into a blurred picture.
    """
    return Curves(
        _curve(answers, image, torch.zeros_like(image), order), _curve(answers, blurred(image), image, order)
    )


def order_of(heat: Tensor) -> Tensor:
    """Places of pixels, (H * W,), what a map (H, W) marks most first."""
    return heat.flatten().argsort(descending=True, stable=True)


def faithfulness(
    share: Share, found: Curves, chance: Sequence[Curves], sanity: float | None = None
) -> Faithfulness:
    """Hold a map against the network that it speaks of.

    Args:
        share: what the map was made for.
        found: the curves of the map's order.
        chance: those of random maps that are as coarse.
        sanity: see there.
    """
    deletions = torch.stack([share(one.deletion) for one in chance])  # (maps, points)
    insertions = torch.stack([share(one.insertion) for one in chance])
    deletion_tells, insertion_tells = _tells(deletions), _tells(insertions)
    scores = insertions * insertion_tells - deletions * deletion_tells
    return Faithfulness(
        tuple(share(found.deletion).tolist()),
        tuple(share(found.insertion).tolist()),
        tuple(deletions.mean(0).tolist()),
        tuple(insertions.mean(0).tolist()),
        max(area(one) for one in scores.tolist()),
        deletion_tells,
        insertion_tells,
        sanity,
    )


def _tells(found: Tensor) -> bool:
    """Whether curves (maps, points) move at all."""
    return bool((found.amax(1) - found.amin(1)).mean() > LEAST_MOVE)


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's, of two maps of one shape, without its sign; 0 where one of them is the same everywhere."""
    both = torch.stack([ranks(first), ranks(second)])
    if bool((both.var(1) == 0).any()):
        return 0.0
    return abs(float(torch.corrcoef(both)[0, 1]))


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


def _curve(answers: Predict, begin: Tensor, end: Tensor, order: Tensor) -> Tensor:
    """What is said while `begin` becomes `end`, pixel by pixel in this order, in equal steps: (points, classes)."""
    pixels = order.numel()
    steps = min(STEPS, pixels)
    place = torch.empty(pixels, dtype=torch.long)
    place[order] = torch.arange(pixels)
    changed = torch.linspace(0, pixels, steps + 1).round()
    masks = (place[None] < changed[:, None]).reshape(steps + 1, *begin.shape[:2], 1)
    with torch.inference_mode():
        return answers(torch.where(masks, end, begin))


def ranks(values: Tensor) -> Tensor:
    """Of each number of a tensor, flat; mean ranks, so that equal values are equal."""
    _, place, counts = values.flatten().unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[place]
