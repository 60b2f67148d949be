"""Mixing: training images put together from parts of several, their targets mixed in the same shares.

`MIXINGS` lists the ways by the names that a configuration gives them. Each is a function
(images (B, H, W, C), targets (B, classes), seed) -> mixed images and targets.

Knows images and targets as tensors, nothing else.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

BETA = 0.3
"""Both parameters of the Beta distribution of the point where the parts meet: mostly near an edge."""

Mixing = Literal["none", "ricap"]
"""The names of MIXINGS."""


def keep_apart(images: Tensor, targets: Tensor, _seed: int) -> tuple[Tensor, Tensor]:
    """Return images and targets as they are."""
    return images, targets


def ricap(images: Tensor, targets: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Put each image together from four: random crops of images of the batch, meeting in one point.

    The point is drawn once for the batch.

    Args:
        images: (B, H, W, C).
        targets: (B, classes), each row summing to 1.
        seed: of the point, the crops, and of which images go together.

    Returns:
        Images and targets of the same shapes; new tensors.

    Source: Takahashi, Matsubara & Uehara 2018, "Data augmentation using random image cropping and patching",
    arXiv:1811.09030.
    """
    random = np.random.Generator(np.random.Philox(seed))
    n, height, width, _ = images.shape
    row, column = round(height * random.beta(BETA, BETA)), round(width * random.beta(BETA, BETA))
    mixed_images, mixed_targets = torch.empty_like(images), torch.zeros_like(targets)
    for rows, columns in [
        (slice(0, row), slice(0, column)),
        (slice(0, row), slice(column, width)),
        (slice(row, height), slice(0, column)),
        (slice(row, height), slice(column, width)),
    ]:
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        top, left = random.integers(0, height - high + 1), random.integers(0, width - wide + 1)
        others = torch.from_numpy(random.permutation(n)).to(images.device, non_blocking=True)
        mixed_images[:, rows, columns] = images[others, top : top + high, left : left + wide]
        mixed_targets += targets[others] * (high * wide / (height * width))
    return mixed_images, mixed_targets


MIXINGS: dict[Mixing, Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]] = {
    "none": keep_apart,
    "ricap": ricap,
}
"""Name in a configuration -> function."""
