"""Mixing: training images put together from parts of several, their targets mixed in the same shares.

`MIXINGS` lists the ways by the names that a configuration gives them. Each is a function
(images (B, H, W, C), targets (B, classes), seed, strength) -> mixed images and targets.

Knows images and targets as tensors, nothing else.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

BETA = 0.3
"""RICAP's strength: the point where the parts meet is mostly near an edge."""

Mixing = Literal["none", "mixup", "cutmix", "ricap"]
"""The names of MIXINGS."""


def keep_apart(images: Tensor, targets: Tensor, _seed: int, **_strength: float) -> tuple[Tensor, Tensor]:
    """Return images and targets as they are, whatever the strength."""
    return images, targets


def mixup(images: Tensor, targets: Tensor, seed: int, strength: float = 0.2) -> tuple[Tensor, Tensor]:
    """Blend each image and its targets with another one of the batch; the share is drawn once for the batch.

    Args:
        images: (B, H, W, C).
        targets: (B, classes), each row summing to 1.
        seed: of the share, and of which images go together.
        strength: both parameters of the Beta distribution of the share.

    Returns:
        Images (float32) and targets of the same shapes; new tensors.

    Source: Zhang et al. 2017, arXiv:1710.09412 (0.1 to 0.4 on ImageNet, 1 on CIFAR-10).
    """
    random = np.random.Generator(np.random.Philox(seed))
    share = random.beta(strength, strength)
    others = torch.from_numpy(random.permutation(len(images))).to(images.device, non_blocking=True)
    images = images.float()
    return torch.lerp(images[others], images, share), torch.lerp(targets[others], targets, share)


def cutmix(images: Tensor, targets: Tensor, seed: int, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Paste the same rectangle of another image of the batch into each; targets are mixed by area.

    Args:
        images: (B, H, W, C).
        targets: (B, classes), each row summing to 1.
        seed: of the rectangle, and of which images go together.
        strength: both parameters of the Beta distribution of the area that stays.

    Returns:
        Images and targets of the same shapes; new tensors.

    Source: Yun et al. 2019, arXiv:1905.04899.
    """
    random = np.random.Generator(np.random.Philox(seed))
    n, height, width, _ = images.shape
    side = (1 - random.beta(strength, strength)) ** 0.5
    center_row, center_column = random.integers(height), random.integers(width)
    top, bottom = (int(np.clip(center_row + sign * height * side / 2, 0, height)) for sign in (-1, 1))
    left, right = (int(np.clip(center_column + sign * width * side / 2, 0, width)) for sign in (-1, 1))
    others = torch.from_numpy(random.permutation(n)).to(images.device, non_blocking=True)
    mixed = images.clone()
    mixed[:, top:bottom, left:right] = images[others, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, torch.lerp(targets[others], targets, share)


def ricap(images: Tensor, targets: Tensor, seed: int, strength: float = BETA) -> tuple[Tensor, Tensor]:
    """Put each image together from four: random crops of images of the batch, meeting in one point.

    The point is drawn once for the batch.

    Args:
        images: (B, H, W, C).
        targets: (B, classes), each row summing to 1.
        seed: of the point, the crops, and of which images go together.
        strength: both parameters of the Beta distribution of the point where the parts meet.

    Returns:
        Images and targets of the same shapes; new tensors.

    Source: Takahashi, Matsubara & Uehara 2018, "Data augmentation using random image cropping and patching",
    arXiv:1811.09030.
    """
    random = np.random.Generator(np.random.Philox(seed))
    n, height, width, _ = images.shape
    row, column = (round(side * random.beta(strength, strength)) for side in (height, width))
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


MIXINGS: dict[Mixing, Callable[..., tuple[Tensor, Tensor]]] = {
    "none": keep_apart,
    "mixup": mixup,
    "cutmix": cutmix,
    "ricap": ricap,
}
"""Name in a configuration -> function."""


def mixer(mixing: Mixing, strength: float | None) -> Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]:
    """Return the function (images, targets, seed) that mixes; a strength of None is the paper's."""
    mix = MIXINGS[mixing]
    return mix if strength is None else partial(mix, strength=strength)
