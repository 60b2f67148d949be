"""Maps from hiding parts of the picture and asking again. They need no gradient, and many answers.

Several things are asked about at once: the network runs no oftener than for one.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Asked = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, A) the A things asked about."""


def occlusion(
    asked: Asked, image: Tensor, fill: Tensor, *, window: int, stride: int, at_once: int = 64
) -> Tensor:
    """How much the answer falls when a square is hidden, for each pixel the mean over the squares on it.

    Args:
        asked: what is asked about.
        image: (H, W, C).
        fill: what hides, broadcast to the picture's shape.
        window: side of the square, pixels.
        stride: between two squares, pixels.
        at_once: pictures in one batch.

    Returns:
        (A, H, W).

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
        whole = asked(image[None])
        falls = torch.cat(
            [whole - asked(torch.where(part[..., None] > 0, fill, image)) for part in hidden.split(at_once)]
        )
    return torch.einsum("na,nhw->ahw", falls, hidden) / hidden.sum(0)


def rise(
    asked: Asked,
    image: Tensor,
    *,
    masks: int = 2000,
    cells: int = 7,
    shown: float = 0.5,
    seed: int = 0,
    at_once: int = 64,
) -> Tensor:
    """The mean of random soft masks, each weighted by the answer for what it lets through.

    Each pixel's sum is divided by what the masks let through there, in place of the paper's expectation of it:
    else the masks' own pattern is left in the map, and where answers differ little there is nothing else.

    Args:
        asked: what is asked about; probabilities, in the paper.
        image: (H, W, C); what is hidden becomes black.
        masks: how many.
        cells: of the coarse grid along a side, before it is enlarged.
        shown: probability that a cell lets through.
        seed: of the masks.
        at_once: pictures in one batch.

    Returns:
        (A, H, W).

    Source: Petsiuk et al. 2018, arXiv:1806.07421.
    """
    height, width, _ = image.shape
    random = torch.Generator().manual_seed(seed)
    found, coverage = [], torch.zeros(height, width)
    with torch.inference_mode():
        for start in range(0, masks, at_once):
            count = min(masks - start, at_once)
            mask = _soft_masks(count, height, width, cells, shown, random)
            found.append(torch.einsum("na,nhw->ahw", asked(image * mask[..., None]), mask))
            coverage += mask.sum(0)
    return torch.stack(found).sum(0) / coverage.clamp_min(torch.finfo(coverage.dtype).tiny)


def _soft_masks(
    count: int, height: int, width: int, cells: int, shown: float, random: torch.Generator
) -> Tensor:
    """(count, height, width), 0 to 1: coarse masks enlarged, each shifted by a part of a cell."""
    cell_height, cell_width = -(-height // cells), -(-width // cells)
    coarse = (torch.rand((count, 1, cells + 1, cells + 1), generator=random) < shown).float()
    size = (cells + 1) * cell_height, (cells + 1) * cell_width
    fine = F.interpolate(coarse, size, mode="bilinear", align_corners=False)[:, 0]
    tops = torch.randint(cell_height, (count,), generator=random).tolist()
    lefts = torch.randint(cell_width, (count,), generator=random).tolist()
    shifts = zip(fine, tops, lefts, strict=True)
    return torch.stack([mask[top : top + height, left : left + width] for mask, top, left in shifts])


def _square(height: int, width: int, top: int, left: int, window: int) -> Tensor:
    mask = torch.zeros(height, width)
    mask[top : top + window, left : left + window] = 1
    return mask


def _starts(length: int, window: int, stride: int) -> range:
    """Where squares begin, so that the last one reaches the end."""
    return range(0, max(0, length - window) + stride, stride) if length > window else range(1)
