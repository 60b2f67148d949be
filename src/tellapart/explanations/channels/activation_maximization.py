"""Activation maximization: pictures made to excite channels, by climbing the gradient from noise.

A picture is climbed by its waves, the long ones as easily as the short ones, and by colors that vary apart in
photographs: so it does not end as a grid of single bright pixels. It is moved, turned and enlarged a little
before each step, so that nothing hangs on where exactly a pixel lies.

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

STEPS = 96
"""Of the climb."""

STEP = 0.05
"""Of Adam, about what a pixel is moved by, where a picture is what a sigmoid makes of it."""

EVEN = 16
"""How much more easily a picture becomes lighter or darker, or changes its color, as a whole."""

BEGIN = 0.3
"""Standard deviation of the noise to begin with, likewise before the sigmoid."""

SHIFT, TURN, SCALE = 0.06, 6.0, 0.08
"""The most that a picture is moved by (a share of its side), turned by (degrees) and enlarged by (a share)."""

COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
"""The root of the covariance of photographs' red, green and blue."""


def exciting_pictures(
    recorder: Recorder,
    shape: tuple[int, int, int],
    layer: str,
    channels: Sequence[int],
    steps: int = STEPS,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Pictures that excite channels, found by climbing the gradient of each channel's mean.

    Args:
        recorder: of the network.
        shape: (H, W, C) of its pictures.
        layer: with maps (B, h, w, channels), or a row of units (B, channels).
        channels: which, one for each picture.
        steps: of the climb.
        seed: of the noise and of the moves.

    Returns:
        (channels, H, W, C) uint8.

    Raises:
        ConfigError: no such layer.
    """
    random = torch.Generator().manual_seed(seed)
    waves, reach = _noise(len(channels), shape, random)
    climber = torch.optim.Adam([waves], lr=STEP)
    for _ in range(steps):
        moved = _moved(_pictures(waves, reach, shape), random)
        climber.zero_grad()
        (-excitements(recorder, moved, layer, channels).sum()).backward(inputs=[waves])
        climber.step()
    with torch.no_grad():
        return _pictures(waves, reach, shape).round().to(torch.uint8).numpy()


def excitements(recorder: Recorder, images: Tensor, layer: str, channels: Sequence[int]) -> Tensor:
    """Of each picture, the mean over the places of one channel.

    Args:
        recorder: of the network.
        images: (B, H, W, C) float32, 0-255.
        layer: as in `exciting_pictures`.
        channels: (B,), one for each picture.

    Returns:
        (B,).
    """
    output = recorder.layer_outputs(images, [layer])[layer]  # (B, ..., channels)
    of_each = output[torch.arange(len(images)), ..., torch.tensor(channels)]
    return of_each.reshape(len(images), -1).mean(1)


def _noise(count: int, shape: tuple[int, int, int], random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Heights of waves (count, C, H, W // 2 + 1, 2) to climb by; and what each wave is multiplied by."""
    height, width, channels = shape
    down = torch.fft.fftfreq(height)[:, None]
    across = torch.fft.rfftfreq(width)[None]
    frequency = (down**2 + across**2).sqrt().clamp_min(1 / max(height, width))
    reach = 1 / frequency  # (H, W // 2 + 1)
    waves = torch.randn((count, channels, *reach.shape, 2), generator=random)
    reach = reach / torch.fft.irfft2(torch.view_as_complex(waves) * reach, s=(height, width)).std()
    reach[0, 0] *= EVEN
    waves[..., 0, 0, :] /= EVEN
    return (BEGIN * waves).requires_grad_(), reach


def _pictures(waves: Tensor, reach: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """(count, H, W, C), 0-255."""
    planes = torch.fft.irfft2(torch.view_as_complex(waves) * reach, s=shape[:2])  # (count, C, H, W)
    pixels = planes.permute(0, 2, 3, 1)
    if shape[2] == 3:
        pixels = pixels @ (COLORS / COLORS.norm(dim=0).max()).T
    return 255 * pixels.sigmoid()


def _moved(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Each moved, turned and enlarged a little, by chance; mirrored at the edges."""
    count = len(pictures)
    shift, turn, scale = (2 * torch.rand((3, count, 2), generator=random) - 1).unbind(0)
    angle = turn[:, 0] * math.radians(TURN)
    size = 1 / (1 + SCALE * scale[:, 0])
    turned = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(count, 2, 2)
    matrix = torch.cat([size[:, None, None] * turned, 2 * SHIFT * shift[:, :, None]], 2)
    planes = pictures.permute(0, 3, 1, 2)
    grid = F.affine_grid(matrix, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False).permute(0, 2, 3, 1)
