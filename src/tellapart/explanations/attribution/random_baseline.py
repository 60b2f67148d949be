"""Chance: what maps would do that know nothing, but are as coarse as the one that is held against them.

Single pixels taken away here and there ruin a network's answer sooner than a whole region does. So a smooth map,
however true, would lose against pixels in random order, and a scattered one win by being scattered. Random maps
of several grains are drawn instead, and each map meets those whose neighboring pixels are as alike as its own.
"""

import math
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.explanations.attribution.faithfulness import Curves, Predict, curves, order_of, ranks

ORDERS = 8
"""Random maps of a grain."""

COARSEST = 3
"""Grains along the shorter side."""


class Chance:
    """Curves of random maps for one network and one picture, each grain's computed when it is first asked for."""

    def __init__(self, answers: Predict, image: Tensor, seed: int = 0) -> None:
        """Asks nothing yet.

        Args:
            answers: of the network.
            image: (H, W, C).
            seed: of the maps.
        """
        self.answers, self.image, self.seed = answers, image, seed
        self._curves: dict[int, list[Curves]] = {}

    @cached_property
    def smoothness(self) -> dict[int, float]:
        """Of maps by their grains along the shorter side, from the coarsest to single pixels."""
        side = min(self.image.shape[:2])
        grains = {
            min(side, COARSEST * 2**step) for step in range(1 + math.ceil(math.log2(max(1, side / COARSEST))))
        }
        return {grain: smoothness(self.maps(grain)[0]) for grain in sorted(grains | {side})}

    def maps(self, grains: int) -> Tensor:
        """(ORDERS, H, W): random numbers, so many along the shorter side, enlarged."""
        height, width, _ = self.image.shape
        scale = grains / min(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        random = torch.Generator().manual_seed(self.seed)
        coarse = torch.rand((ORDERS, 1, *size), generator=random)
        return F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[:, 0]

    def grain_of(self, heat: Tensor) -> int:
        """Of the random maps that are most like a map (H, W) in how alike neighboring pixels are."""
        found = _roughness(smoothness(heat))
        return min(self.smoothness, key=lambda grain: abs(_roughness(self.smoothness[grain]) - found))

    def like(self, heat: Tensor) -> list[Curves]:
        """The curves of the random maps that are as coarse as a map (H, W)."""
        grain = self.grain_of(heat)
        if grain not in self._curves:
            orders = map(order_of, self.maps(grain))
            self._curves[grain] = [curves(self.answers, self.image, order) for order in orders]
        return self._curves[grain]


def smoothness(heat: Tensor) -> float:
    """Rank correlation of a map's (H, W) neighboring pixels, -1 to 1; 1 of a map that is the same everywhere."""
    order = ranks(heat).reshape(heat.shape)
    first = torch.cat([order[1:].flatten(), order[:, 1:].flatten()])
    second = torch.cat([order[:-1].flatten(), order[:, :-1].flatten()])
    if len(first) < 2 or bool(first.var() == 0) or bool(second.var() == 0):
        return 1.0
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def _roughness(smooth: float) -> float:
    """On a scale on which 0.9 and 0.99 are as far apart as 0 and 0.9."""
    return math.log(max(1 - smooth, 1e-6))
