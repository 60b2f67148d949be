"""Mixing: training pictures put together from parts of several, and their truth from the parts' shares.

Knows pictures and labels as tensors, nothing else.
"""

import numpy as np
import torch
from torch import Tensor

BETA = 0.3
"""Of the Beta distribution that the point where the parts meet is drawn from: mostly near an edge."""


def ricap(images: Tensor, truth: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Put each picture together from four: random crops of pictures of the batch, meeting in one point.

    The point is drawn once for the batch.

    Args:
        images: (B, H, W, C).
        truth: (B, classes), each row summing to 1.
        seed: of the point, the crops, and of who goes with whom.

    Returns:
        Pictures and truth of the same shapes; new tensors.

    Source: Takahashi, Matsubara & Uehara 2018, "Data augmentation using random image cropping and patching",
    arXiv:1811.09030.
    """
    random = np.random.Generator(np.random.Philox(seed))
    n, height, width, _ = images.shape
    row, column = round(height * random.beta(BETA, BETA)), round(width * random.beta(BETA, BETA))
    mixed_images, mixed_truth = torch.empty_like(images), torch.zeros_like(truth)
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
        mixed_truth += truth[others] * (high * wide / (height * width))
    return mixed_images, mixed_truth
