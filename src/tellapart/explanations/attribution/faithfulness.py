"""Faithfulness: whether a heat map is true to the network, measured instead of judged by eye.

Two measures. Pixels are deleted, or inserted, in the map's order: a faithful map finds those that the prediction
rests on. And the map is drawn again for a network with randomized weights: a map that stays the same shows the
image, not what the network learned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.pages.card import Card, Readable

Predict = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, classes) probabilities."""

Share = Callable[[Tensor], Tensor]
"""(N, classes) probabilities -> (N,) the probability of a contrast, 0 to 1."""

MIN_CHANGE = 0.05
"""Change along the random maps' curves, on average, below which an area says nothing."""

SAME_MAP = 0.5
"""Rank correlation from which two maps count as the same."""


@dataclass(frozen=True, slots=True)
class Faithfulness(Readable):
    """A map's deletion and insertion curves, beside those of random maps that are as coarse."""

    deletion: tuple[float, ...]
    """Probability of the contrast while pixels turn black, from none to all; what the map marks most goes first."""

    insertion: tuple[float, ...]
    """The same while a blurred image turns into the whole one."""

    random_deletion: tuple[float, ...]
    """Mean of the random maps' deletion curves."""

    random_insertion: tuple[float, ...]
    """Mean of the random maps' insertion curves."""

    best_random_score: float
    """The largest `score` of a random map."""

    deletion_is_informative: bool
    """Whether random maps' deletion curves move at all."""

    insertion_is_informative: bool
    """The same for insertion: an image that is recognized even when blurred says nothing."""

    randomized_similarity: float | None = None
    """Mean absolute rank correlation with the same map of randomized networks; None: not measured."""

    @property
    def in_words(self) -> str:
        """Whether the map passes the faithfulness test."""
        return "faithful" if self.is_faithful else "not faithful"

    def _parts(self) -> list[str]:
        return [
            self.in_words,
            f"insertion {self.insertion_area:.3f} (random {self.random_insertion_area:.3f})",
            f"deletion {self.deletion_area:.3f} (random {self.random_deletion_area:.3f})",
        ]

    def _card(self) -> Card:
        return Card("Faithfulness", ", ".join(self._parts()))

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, 0 to 1; lower is better."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, 0 to 1; higher is better."""
        return area(self.insertion)

    @property
    def random_deletion_area(self) -> float:
        """Mean area under the random maps' deletion curves."""
        return area(self.random_deletion)

    @property
    def random_insertion_area(self) -> float:
        """Mean area under the random maps' insertion curves."""
        return area(self.random_insertion)

    @property
    def score(self) -> float:
        """Insertion area minus deletion area, of those that are informative; higher is better."""
        insertion = self.insertion_area * self.insertion_is_informative
        return insertion - self.deletion_area * self.deletion_is_informative

    @property
    def better_than_random(self) -> bool | None:
        """Whether both areas beat the random maps' mean, and the score beats every random map's.

        The mean alone would be beaten by half of all random maps. An area that is not informative is left out;
        None: neither is.
        """
        if not (self.deletion_is_informative or self.insertion_is_informative):
            return None
        less = not self.deletion_is_informative or self.deletion_area < self.random_deletion_area
        more = not self.insertion_is_informative or self.insertion_area > self.random_insertion_area
        return less and more and self.score > self.best_random_score

    @property
    def depends_on_weights(self) -> bool | None:
        """Whether randomizing the weights changes the map; None: not measured."""
        return None if self.randomized_similarity is None else self.randomized_similarity < SAME_MAP

    @property
    def is_faithful(self) -> bool:
        """Whether the map is better than random, and nothing shows that it ignores the weights."""
        return self.better_than_random is True and self.depends_on_weights is not False


def area(curve: Sequence[float]) -> float:
    """Return the area under a curve over 0 to 1 with equally spaced points, by trapezoids."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


class Curves(NamedTuple):
    """Probabilities of every class while an image's pixels are deleted, or inserted, in one order."""

    deletion: Tensor
    """(points, classes), from the whole image to a black one."""

    insertion: Tensor
    """(points, classes), from a blurred image to the whole one."""


class CurveMeter:
    """Deletes an image's pixels, and inserts them, in any order. What no order changes is computed once."""

    def __init__(self, predict: Predict, image: Tensor, steps: int = 16) -> None:
        """Create a meter; the network does not run yet.

        Args:
            predict: the network.
            image: (H, W, C).
            steps: of a curve, at least 1; no more than there are pixels are taken.

        Source: Petsiuk et al. 2018, arXiv:1806.07421: deletion to black, insertion into a blurred image.
        """
        self.predict, self.image = predict, image
        self.pixels = image.shape[0] * image.shape[1]
        self.steps = min(steps, self.pixels)

    @cached_property
    def _blurred(self) -> Tensor:
        return blurred(self.image)

    @cached_property
    def _ends(self) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of the whole image, the black one and the blurred one, each (1, classes)."""
        images = torch.stack([self.image, torch.zeros_like(self.image), self._blurred])
        with torch.inference_mode():
            whole, black, soft = self.predict(images).split(1)
        return whole, black, soft

    def curves(self, order: Tensor) -> Curves:
        """Return the curves of one order: (H * W,), places of pixels, row by row."""
        place = torch.empty(self.pixels, dtype=torch.long)
        place[order] = torch.arange(self.pixels)
        changed = torch.linspace(0, self.pixels, self.steps + 1).round()[1:-1]
        masks = (place[None] < changed[:, None]).reshape(-1, *self.image.shape[:2], 1)
        deleted = torch.where(masks, 0.0, self.image)
        inserted = torch.where(masks, self.image, self._blurred)
        whole, black, soft = self._ends
        with torch.inference_mode():
            between = self.predict(torch.cat([deleted, inserted])) if len(masks) else whole[:0]
        deletion, insertion = between.tensor_split(2)
        return Curves(torch.cat([whole, deletion, black]), torch.cat([soft, insertion, whole]))


def order_of(heat: Tensor) -> Tensor:
    """Return the places of pixels, (H * W,), those that a map (H, W) marks most first."""
    return heat.flatten().argsort(descending=True, stable=True)


def faithfulness(
    share: Share, own: Curves, random: Sequence[Curves], randomized_similarity: float | None = None
) -> Faithfulness:
    """Measure a map against the network that it explains.

    Args:
        share: the probability of the map's contrast.
        own: curves of the map's order.
        random: curves of random maps that are as coarse.
        randomized_similarity: as in `Faithfulness`.
    """
    deletions = torch.stack([share(each.deletion) for each in random])  # (maps, points)
    insertions = torch.stack([share(each.insertion) for each in random])
    deletion_is_informative, insertion_is_informative = (
        _is_informative(deletions),
        _is_informative(insertions),
    )
    scores = insertions * insertion_is_informative - deletions * deletion_is_informative
    return Faithfulness(
        deletion=tuple(share(own.deletion).tolist()),
        insertion=tuple(share(own.insertion).tolist()),
        random_deletion=tuple(deletions.mean(0).tolist()),
        random_insertion=tuple(insertions.mean(0).tolist()),
        best_random_score=max(area(curve) for curve in scores.tolist()),
        deletion_is_informative=deletion_is_informative,
        insertion_is_informative=insertion_is_informative,
        randomized_similarity=randomized_similarity,
    )


def _is_informative(random: Tensor) -> bool:
    """Return whether the random maps' curves, (maps, points), move at all."""
    return bool((random.amax(1) - random.amin(1)).mean() > MIN_CHANGE)


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Return Spearman's correlation of two maps of one shape, without its sign; 0 where one is constant."""
    both = torch.stack([ranks(first), ranks(second)])
    if bool((both.var(1) == 0).any()):
        return 0.0
    return abs(float(torch.corrcoef(both)[0, 1]))


def blurred(image: Tensor, share: float = 0.1) -> Tensor:
    """Return an image (H, W, C) blurred by a Gaussian, mirrored at the edges.

    Args:
        image: (H, W, C).
        share: the standard deviation as a share of the shorter side, above 0.
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


def ranks(values: Tensor) -> Tensor:
    """Return each number's rank in a tensor, flat; equal values share their mean rank."""
    _, place, counts = values.flatten().unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[place]
