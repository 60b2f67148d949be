"""Maps from the gradient of the answer with regard to every number of the picture.

Several things are asked about at once: the network runs forward once for all of them, and backward for each.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Asked = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, A) the A things asked about, differentiable."""

STEPS = 64
"""Of integrated gradients' quadrature."""

SAMPLES = 32
"""Of SmoothGrad."""


def gradients(asked: Asked, images: Tensor) -> Tensor:
    """The gradient of each thing asked about, (A, B, H, W, C), per gray level."""
    images = images.detach().requires_grad_()
    found = asked(images).sum(0)
    return torch.stack([torch.autograd.grad(one, images, retain_graph=True)[0] for one in found])


def integrated_gradients(
    asked: Asked, image: Tensor, baseline: Tensor, steps: int = STEPS, at_once: int = 16
) -> Tensor:
    """How much each number of a picture adds to the answer, on the way from a baseline to the picture.

    Args:
        asked: what is asked about.
        image: (H, W, C).
        baseline: (H, W, C), the picture that says nothing.
        steps: points of the Gauss-Legendre quadrature.
        at_once: pictures in one batch.

    Returns:
        (A, H, W, C); the sum of each is the answer for the picture less that for the baseline, but for the
        quadrature.

    Source: Sundararajan et al. 2017, arXiv:1703.01365.
    """
    places, weights = np.polynomial.legendre.leggauss(steps)
    along = torch.tensor((places + 1) / 2, dtype=image.dtype)[:, None, None, None]
    weight = torch.tensor(weights / 2, dtype=image.dtype)[:, None, None, None]
    parts = zip(along.split(at_once), weight.split(at_once), strict=True)
    found = [(gradients(asked, baseline + part * (image - baseline)) * share).sum(1) for part, share in parts]
    return torch.stack(found).sum(0) * (image - baseline)


def smooth_grad(
    asked: Asked,
    image: Tensor,
    *,
    samples: int = SAMPLES,
    noise: float = 0.15,
    seed: int = 0,
    at_once: int = 16,
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
        (A, H, W, C), with signs.

    Source: Smilkov et al. 2017, arXiv:1706.03825.
    """
    random = torch.Generator().manual_seed(seed)
    deviation = noise * float(image.max() - image.min())
    found = []
    for start in range(0, samples, at_once):
        count = min(samples - start, at_once)
        copies = image + deviation * torch.randn((count, *image.shape), generator=random)
        found.append(gradients(asked, copies).sum(1))
    return torch.stack(found).sum(0) / samples
