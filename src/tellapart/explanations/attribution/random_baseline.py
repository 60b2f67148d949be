"""RandomBaseline: how maps without any knowledge do that are as coarse as the map under test.

Deleting scattered single pixels ruins a prediction sooner than deleting a whole region. So a smooth map, however
faithful, would lose against pixels in random order, and a scattered one would win by being scattered. Therefore
random maps of several grid sizes are drawn, and each map is compared with those whose neighboring pixels are as
similar as its own.
"""

import math
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.explanations.attribution.faithfulness import CurveMeter, Curves, order_of, ranks

RANDOM_MAPS = 8
"""Random maps of each grid size."""

COARSEST = 3
"""Cells of the coarsest grid along the shorter side."""


class RandomBaseline:
    """Curves of random maps for one network and image, computed for each grid size when first needed."""

    def __init__(self, meter: CurveMeter, seed: int = 0) -> None:
        """Create a baseline; the network does not run yet.

        Args:
            meter: of the network and image.
            seed: of the maps.
        """
        self.meter, self.image, self.seed = meter, meter.image, seed
        self._curves: dict[int, list[Curves]] = {}

    @cached_property
    def smoothness(self) -> dict[int, float]:
        """Smoothness of random maps by their grid size, from the coarsest to single pixels."""
        side = min(self.image.shape[:2])
        doublings = math.ceil(math.log2(max(1, side / COARSEST)))
        sizes = {min(side, COARSEST * 2**step) for step in range(1 + doublings)}
        return {size: smoothness(self.maps(size)[0]) for size in sorted(sizes | {side})}

    def maps(self, grid_size: int) -> Tensor:
        """Return enlarged grids of random numbers, with so many cells along the shorter side: (RANDOM_MAPS, H, W)."""
        height, width, _ = self.image.shape
        scale = grid_size / min(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        random = torch.Generator().manual_seed(self.seed)
        coarse = torch.rand((RANDOM_MAPS, 1, *size), generator=random)
        return F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[:, 0]

    def grid_size_for(self, heat: Tensor) -> int:
        """Return the grid size of the random maps that are about as smooth as a map (H, W)."""
        roughness = _roughness(smoothness(heat))
        return min(self.smoothness, key=lambda size: abs(_roughness(self.smoothness[size]) - roughness))

    def curves_for(self, heat: Tensor) -> list[Curves]:
        """Return the curves of the random maps that are as coarse as a map (H, W)."""
        size = self.grid_size_for(heat)
        if size not in self._curves:
            orders = map(order_of, self.maps(size))
            self._curves[size] = list(map(self.meter.curves, orders))
        return self._curves[size]


def smoothness(heat: Tensor) -> float:
    """Return the rank correlation of a map's (H, W) neighboring pixels, -1 to 1; 1 for a constant map."""
    order = ranks(heat).reshape(heat.shape)
    first = torch.cat([order[1:].flatten(), order[:, 1:].flatten()])
    second = torch.cat([order[:-1].flatten(), order[:, :-1].flatten()])
    if len(first) < 2 or bool(first.var() == 0) or bool(second.var() == 0):
        return 1.0
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def _roughness(smoothness: float) -> float:
    """Return smoothness on a scale on which 0.9 and 0.99 are as far apart as 0 and 0.9."""
    return math.log(max(1 - smoothness, 1e-6))
