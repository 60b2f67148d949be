"""Maps from the gradient of the answer with regard to every number of the picture."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Asked = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B,) what is asked about, differentiable."""


def gradient(asked: Asked, images: Tensor) -> Tensor:
    """The gradient of what is asked about, (B, H, W, C), per grey level."""
    images = images.detach().requires_grad_()
    return torch.autograd.grad(asked(images).sum(), images)[0]


def integrated_gradients(
    asked: Asked, image: Tensor, baseline: Tensor, steps: int = 64, at_once: int = 16
) -> Tensor:
    """How much each number of a picture adds to the answer, on the way from a baseline to the picture.

    Args:
        asked: what is asked about.
        image: (H, W, C).
        baseline: (H, W, C), the picture that says nothing.
        steps: points of the Gauss-Legendre quadrature.
        at_once: pictures in one batch.

    Returns:
        (H, W, C); their sum is the answer for the picture less that for the baseline, but for the quadrature.

    Source: Sundararajan et al. 2017, arXiv:1703.01365.
    """
    places, weights = np.polynomial.legendre.leggauss(steps)
    along = torch.tensor((places + 1) / 2, dtype=image.dtype)[:, None, None, None]
    weight = torch.tensor(weights / 2, dtype=image.dtype)[:, None, None, None]
    total = torch.zeros_like(image)
    for part, share in zip(along.split(at_once), weight.split(at_once), strict=True):
        total += (gradient(asked, baseline + part * (image - baseline)) * share).sum(0)
    return total * (image - baseline)


def smooth_grad(
    asked: Asked, image: Tensor, *, samples: int = 32, noise: float = 0.15, seed: int = 0, at_once: int = 16
) -> Tensor:
    """The gradient's mean over noisy copies of the picture.

    Args:
        asked: what is asked about.
        image: (H, W, C).
        samples: copies.
        noise: standard deviation, as a share of the picture's range.
        seed: of the noise.
        at_once: pictures in one batch.

    Returns:
        (H, W, C).

    Source: Smilkov et al. 2017, arXiv:1706.03825.
    """
    random = torch.Generator().manual_seed(seed)
    deviation = noise * float(image.max() - image.min())
    total, left = torch.zeros_like(image), samples
    while left:
        count = min(left, at_once)
        copies = image + deviation * torch.randn((count, *image.shape), generator=random)
        total += gradient(asked, copies).sum(0)
        left -= count
    return total / samples
