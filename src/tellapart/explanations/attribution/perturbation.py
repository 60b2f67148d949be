"""Maps from hiding parts of the image and predicting again: no gradients, but many runs of the network.

Several scores are handled at once: the network runs no more often than for one.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Scores = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, S) scores."""


def occlusion(
    scores: Scores, image: Tensor, fill: Tensor, *, window: int, stride: int, batch_size: int = 64
) -> Tensor:
    """Return how much the scores fall when a square is hidden: for each pixel, the mean over its squares.

    Args:
        scores: what to explain.
        image: (H, W, C).
        fill: what hides, broadcast to the image's shape.
        window: side of the square, pixels.
        stride: between two squares, pixels.
        batch_size: images per batch.

    Returns:
        (S, H, W).

    Source: Zeiler and Fergus 2014, arXiv:1311.2901.
    """
    height, width, _ = image.shape
    hidden = torch.stack(
        [
            _square(height, width, top, left, window)
            for top in _starts(height, window, stride)
            for left in _starts(width, window, stride)
        ]
    )
    with torch.inference_mode():
        whole = scores(image[None])
        falls = torch.cat(
            [
                whole - scores(torch.where(masks[..., None] > 0, fill, image))
                for masks in hidden.split(batch_size)
            ]
        )
    return torch.einsum("na,nhw->ahw", falls, hidden) / hidden.sum(0)


def rise(
    scores: Scores,
    image: Tensor,
    *,
    masks: int = 2000,
    cells: int = 7,
    shown: float = 0.5,
    seed: int = 0,
    batch_size: int = 64,
) -> Tensor:
    """Return the mean of random soft masks, each weighted by the scores of what it lets through.

    Each pixel's sum is divided by what the masks let through there, not by its expectation as in the paper: that
    would leave the masks' own pattern in the map, which dominates where scores hardly differ.

    Args:
        scores: what to explain; probabilities, in the paper.
        image: (H, W, C); what is hidden becomes black.
        masks: how many.
        cells: of the coarse grid along a side, before it is enlarged.
        shown: probability that a cell lets through.
        seed: of the masks.
        batch_size: images per batch.

    Returns:
        (S, H, W).

    Source: Petsiuk et al. 2018, arXiv:1806.07421.
    """
    height, width, _ = image.shape
    random = torch.Generator().manual_seed(seed)
    sums, coverage = [], torch.zeros(height, width)
    with torch.inference_mode():
        for start in range(0, masks, batch_size):
            count = min(masks - start, batch_size)
            mask = _soft_masks(count, height, width, cells, shown, random)
            sums.append(torch.einsum("na,nhw->ahw", scores(image * mask[..., None]), mask))
            coverage += mask.sum(0)
    return torch.stack(sums).sum(0) / coverage.clamp_min(torch.finfo(coverage.dtype).tiny)


def _soft_masks(
    count: int, height: int, width: int, cells: int, shown: float, random: torch.Generator
) -> Tensor:
    """Return coarse masks enlarged, each shifted by part of a cell: (count, height, width), 0 to 1."""
    cell_height, cell_width = -(-height // cells), -(-width // cells)
    coarse = (torch.rand((count, 1, cells + 1, cells + 1), generator=random) < shown).float()
    size = (cells + 1) * cell_height, (cells + 1) * cell_width
    fine = F.interpolate(coarse, size, mode="bilinear", align_corners=False)[:, 0]
    tops = torch.randint(cell_height, (count,), generator=random).tolist()
    lefts = torch.randint(cell_width, (count,), generator=random).tolist()
    shifts = zip(fine, tops, lefts, strict=True)
    return torch.stack([mask[top : top + height, left : left + width] for mask, top, left in shifts])


def _square(height: int, width: int, top: int, left: int, window: int) -> Tensor:
    """Return a mask (height, width) that is 1 on one square."""
    mask = torch.zeros(height, width)
    mask[top : top + window, left : left + window] = 1
    return mask


def _starts(length: int, window: int, stride: int) -> range:
    """Return where squares begin, so that the last one reaches the end."""
    return range(0, max(0, length - window) + stride, stride) if length > window else range(1)
