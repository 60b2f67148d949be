"""Maps from the gradient of a score with respect to every number of the image.

Several scores are handled at once: the network runs forward once for all of them, and backward once for each.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

Scores = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, S) scores, differentiable."""

Each = Callable[[Callable[[Any], Tensor], Iterable[Any]], Iterable[Tensor]]
"""Applies a function to each part, in order; `map` does so one by one."""


def gradients(scores: Scores, images: Tensor) -> Tensor:
    """Return the gradient of each score, (S, B, H, W, C), per gray level."""
    images = images.detach().requires_grad_()
    totals = scores(images).sum(0)
    return torch.stack([torch.autograd.grad(total, images, retain_graph=True)[0] for total in totals])


def integrated_gradients(
    scores: Scores,
    image: Tensor,
    baseline: Tensor,
    *,
    steps: int = 64,
    batch_size: int = 16,
    each: Each = map,
) -> Tensor:
    """Return how much each number of an image adds to the scores, on the way from a baseline to the image.

    Args:
        scores: what to explain.
        image: (H, W, C).
        baseline: (H, W, C), an image without information.
        steps: points of the Gauss-Legendre quadrature.
        batch_size: images per batch.
        each: applies a function to the batches.

    Returns:
        (S, H, W, C); each sums to the score of the image minus that of the baseline, up to the error of the
        quadrature.

    Source: Sundararajan et al. 2017, arXiv:1703.01365.
    """
    places, weights = np.polynomial.legendre.leggauss(steps)
    along = torch.tensor((places + 1) / 2, dtype=image.dtype)[:, None, None, None]
    weight = torch.tensor(weights / 2, dtype=image.dtype)[:, None, None, None]
    batches = zip(along.split(batch_size), weight.split(batch_size), strict=True)

    def weighted(batch: tuple[Tensor, Tensor]) -> Tensor:
        share, part = batch
        return (gradients(scores, baseline + share * (image - baseline)) * part).sum(1)

    return torch.stack(list(each(weighted, batches))).sum(0) * (image - baseline)


def smooth_grad(
    scores: Scores,
    image: Tensor,
    *,
    samples: int = 32,
    noise: float = 0.15,
    seed: int = 0,
    batch_size: int = 16,
    each: Each = map,
) -> Tensor:
    """Return the mean gradient over noisy copies of the image.

    Args:
        scores: what to explain.
        image: (H, W, C).
        samples: copies.
        noise: standard deviation, as a share of the image's range.
        seed: of the noise.
        batch_size: images per batch.
        each: applies a function to the batches.

    Returns:
        (S, H, W, C), signed.

    Source: Smilkov et al. 2017, arXiv:1706.03825.
    """
    random = torch.Generator().manual_seed(seed)
    deviation = noise * float(image.max() - image.min())
    counts = [min(samples - start, batch_size) for start in range(0, samples, batch_size)]
    noises = (torch.randn((count, *image.shape), generator=random) for count in counts)
    sums = each(lambda noise: gradients(scores, image + deviation * noise).sum(1), noises)
    return torch.stack(list(sums)).sum(0) / samples
