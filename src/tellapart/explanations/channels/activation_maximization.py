"""Activation maximization: images created to maximize channels, by gradient ascent from noise.

The ascent moves an image's Fourier coefficients, low frequencies as easily as high ones, and decorrelated colors,
so that it does not end in a grid of single bright pixels. The image is shifted, rotated and scaled a little before
each step, so that nothing depends on the exact place of a pixel.

Source: Erhan et al. 2009; Olah et al. 2017 (10.23915/distill.00007), whose color matrix this is.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tellapart.explanations.recorder import Recorder
from tellapart.runtime.workers import workers

STEPS = 96
"""Steps of the ascent."""

STEP = 0.05
"""Learning rate of Adam: about how far a pixel moves in a step, before the sigmoid."""

BETAS = 0.9, 0.999
"""Adam's decay rates of the mean gradient and of its square."""

EVEN = 16
"""Factor by which the image's mean color moves more easily than its other frequencies."""

NOISE = 0.3
"""Standard deviation of the first image, before the sigmoid."""

SHIFT, ROTATION, SCALE = 0.06, 6.0, 0.08
"""The most that an image is shifted (share of its side), rotated (degrees) and enlarged (share)."""

COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
"""Square root of the covariance of red, green and blue in photographs."""


def maximizing_images(
    recorder: Recorder,
    shape: tuple[int, int, int],
    layer: str,
    channels: Sequence[int],
    steps: int = STEPS,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Return images that maximize channels, by gradient ascent on each channel's mean.

    Args:
        recorder: of the network.
        shape: (H, W, C) of its images.
        layer: with maps (B, h, w, channels), or a row of units (B, channels).
        channels: indices, one for each image.
        steps: of the ascent.
        seed: of the first image and of its shifts.

    Returns:
        (channels, H, W, C) uint8.

    Raises:
        ConfigError: no such layer.
    """
    random = torch.Generator().manual_seed(seed)
    waves, scale = _noise(len(channels), shape, random)
    shifts = [2 * torch.rand((3, len(channels), 2), generator=random) - 1 for _ in range(steps)]
    part = recorder.part(layer)

    def ascend(images: Tensor) -> Tensor:
        """Return the images at these indices, each of which climbs by itself."""
        own = waves[images].requires_grad_()
        of_images = [channels[index] for index in images.tolist()]
        adam = _Adam(own)
        for shift in shifts:
            moved = _moved(_images(own, scale, shape), shift[:, images])
            output = recorder.layer_outputs(moved, [layer])[layer] if part is None else part(moved)
            (gradient,) = torch.autograd.grad(_means(output, of_images).sum(), own)
            adam.climb(gradient)
        with torch.no_grad():
            return _images(own, scale, shape)

    everything = torch.arange(len(channels))
    if part is None:
        created = ascend(everything)
    else:
        created = torch.cat(workers().map(ascend, everything.tensor_split(workers().count)))
    return created.round().to(torch.uint8).numpy()


class _Adam:
    """Adam, gradient ascent. Torch's own would first import torch's compiler for a second.

    Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    def __init__(self, values: Tensor) -> None:
        self.values, self.steps = values, 0
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)

    def climb(self, gradient: Tensor) -> None:
        """Move the values up the gradient."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.lerp_(gradient**2, 1 - BETAS[1])
        deviation = (self.square / (1 - BETAS[1] ** self.steps)).sqrt() + 1e-8
        with torch.no_grad():
            self.values += STEP / (1 - BETAS[0] ** self.steps) * self.mean / deviation


def mean_activations(recorder: Recorder, images: Tensor, layer: str, channels: Sequence[int]) -> Tensor:
    """Return the mean of one channel over the places, for each image.

    Args:
        recorder: of the network.
        images: (B, H, W, C) float32, 0-255.
        layer: as in `maximizing_images`.
        channels: (B,), one for each image.

    Returns:
        (B,).
    """
    return _means(recorder.layer_outputs(images, [layer])[layer], channels)


def _means(output: Tensor, channels: Sequence[int]) -> Tensor:
    """Return the mean of one channel over the places, for each image: (B, ..., channels) -> (B,)."""
    of_each = output[torch.arange(len(output)), ..., torch.tensor(channels)]
    return of_each.reshape(len(output), -1).mean(1)


def _noise(count: int, shape: tuple[int, int, int], random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return Fourier coefficients, (count, C, H, W // 2 + 1, 2); and what each frequency is multiplied by."""
    height, width, channels = shape
    down = torch.fft.fftfreq(height)[:, None]
    across = torch.fft.rfftfreq(width)[None]
    frequency = (down**2 + across**2).sqrt().clamp_min(1 / max(height, width))
    scale = 1 / frequency  # (H, W // 2 + 1)
    waves = torch.randn((count, channels, *scale.shape, 2), generator=random)
    scale = scale / torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=(height, width)).std()
    scale[0, 0] *= EVEN
    waves[..., 0, 0, :] /= EVEN
    return NOISE * waves, scale


def _images(waves: Tensor, scale: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return the images of Fourier coefficients, (count, H, W, C), 0-255."""
    planes = torch.fft.irfft2(torch.view_as_complex(waves) * scale, s=shape[:2])  # (count, C, H, W)
    pixels = planes.permute(0, 2, 3, 1)
    if shape[2] == 3:
        pixels = pixels @ (COLORS / COLORS.norm(dim=0).max()).T
    return 255 * pixels.sigmoid()


def _moved(images: Tensor, random: Tensor) -> Tensor:
    """Return each image shifted, rotated and scaled a little, by random numbers (3, B, 2), -1 to 1; edges mirrored."""
    count = len(images)
    shift, turn, scale = random.unbind(0)
    angle = turn[:, 0] * math.radians(ROTATION)
    size = 1 / (1 + SCALE * scale[:, 0])
    turned = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(count, 2, 2)
    matrix = torch.cat([size[:, None, None] * turned, 2 * SHIFT * shift[:, :, None]], 2)
    planes = images.permute(0, 3, 1, 2)
    grid = F.affine_grid(matrix, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False).permute(0, 2, 3, 1)
