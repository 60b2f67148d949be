"""Shrinking: large images and maps become small ones for a page; each pixel is the mean of those it replaces."""

import torch.nn.functional as F
from torch import Tensor

SIDE = 112
"""Pixels of the longer side of an image on a page, at most."""


def shrunk(images: Tensor, side: int = SIDE) -> Tensor:
    """Return images whose longer side is at most `side`; smaller ones unchanged.

    Args:
        images: (N, H, W, C) float32.
        side: pixels.

    Returns:
        (N, h, w, C).
    """
    height, width = images.shape[1:3]
    if max(height, width) <= side:
        return images
    scale = side / max(height, width)
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    return F.interpolate(images.permute(0, 3, 1, 2), size, mode="area").permute(0, 2, 3, 1)
