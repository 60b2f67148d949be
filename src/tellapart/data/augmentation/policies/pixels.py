"""Policies that change colors and sharpness: color jitter, noise, blur."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.data.augmentation.policies.policy import Policy, between, per_image, where_chosen
from tellapart.data.augmentation.ranges import factors, number

GRAY_WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue. Source: ITU-R BT.601."""


def gray(images: Tensor) -> Tensor:
    """Return how bright each pixel is, (B, 1, H, W)."""
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True)
    red, green, blue = images.unbind(1)
    return (GRAY_WEIGHTS[0] * red + GRAY_WEIGHTS[1] * green + GRAY_WEIGHTS[2] * blue)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorJitter(Policy):
    """Brightness, contrast, saturation and hue changed at random, in this order.

    Source: Howard 2013, arXiv:1312.5402; the strengths are those of Chen et al. 2020, arXiv:2002.05709, halved.
    """

    name: Literal["color-jitter"] = "color-jitter"
    brightness: float = 0.4
    """Largest difference of the factor from 1."""

    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    """Largest turn of the color circle to either side, as a share of it; 0 to 0.5."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Brightness, contrast, saturation, hue."""
        return (4,)

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            number(f"{self.name}.{name}", getattr(self, name), 0, 1, "a share, 0 to 1")
        number(f"{self.name}.hue", self.hue, 0, 0.5, "a share of the color circle, 0 to 0.5")

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Change the colors."""
        strengths = (self.brightness, self.contrast, self.saturation)
        brightness, contrast, saturation = (
            per_image(between(drawn[:, k], 1 - strength, 1 + strength))
            for k, strength in enumerate(strengths)
        )
        images = (images * brightness).clamp_(0, 255)
        mean = gray(images).mean((2, 3), keepdim=True)
        images = (mean + contrast * (images - mean)).clamp_(0, 255)
        if images.shape[1] != 3:
            return images
        brightness = gray(images)
        images = (brightness + saturation * (images - brightness)).clamp_(0, 255)
        return turn_hue(images, between(drawn[:, 3], -self.hue, self.hue)) if self.hue else images


def turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the color circle of images (B, 3, H, W) by `turns` (B,) of it, in the HSV model."""
    most, least = images.amax(1), images.amin(1)
    spread = most - least
    red, green, blue = images.unbind(1)
    safe = spread.clamp(min=1e-6)
    hue = torch.where(
        most == red,
        ((green - blue) / safe).remainder(6),
        torch.where(most == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = (hue + 6 * turns.float()[:, None, None]).remainder(6)
    # Each channel is highest where its own hue is, lowest on the other side.
    channels = []
    for start in (5.0, 3.0, 1.0):
        k = (start + hue).remainder(6)
        channels.append(most - spread * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise(Policy):
    """Random numbers added to every level.

    Source: Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".
    """

    name: Literal["noise"] = "noise"
    deviation: float = 12.0
    """Standard deviation, in levels of 0 to 255."""

    def __post_init__(self) -> None:
        number(f"{self.name}.deviation", self.deviation, 0, 255, "a number of levels, 0 to 255")

    @property
    def numbers(self) -> None:
        """Return None: a normal number for each level."""
        return None

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Add the numbers."""
        return torch.add(images, drawn, alpha=self.deviation).clamp_(0, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianBlur(Policy):
    """Some of the images blurred, each by its own width.

    Source: Chen et al. 2020, arXiv:2002.05709, appendix A (probability, widths, a kernel of a tenth of the side).
    """

    name: Literal["blur"] = "blur"
    probability: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)
    """Smallest and largest standard deviation, in pixels."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Whether to blur, and how widely."""
        return (2,)

    def __post_init__(self) -> None:
        number(f"{self.name}.probability", self.probability, 0, 1, "a probability, 0 to 1")
        object.__setattr__(self, "sigma", factors(f"{self.name}.sigma", self.sigma))

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Blur the images."""
        sigma = between(drawn[:, 1], *self.sigma)
        return where_chosen(drawn[:, 0] < self.probability, blurred, images, sigma)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur images (B, C, H, W) by Gaussians of deviations (B,) in pixels; the kernel is a tenth of the side wide."""
    side = min(images.shape[2:])
    reach = max(1, side // 20)
    if side <= reach:
        return images
    places = torch.arange(-reach, reach + 1, device=images.device)
    kernels = torch.exp(-((places / sigma.clamp(min=1e-3)[:, None]) ** 2) / 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).float()  # (B, k)
    kernels = kernels.repeat_interleave(images.shape[1], dim=0)[:, None, :]
    flat = F.pad(images, [reach] * 4, mode="reflect").reshape(
        1, -1, *(side + 2 * reach for side in images.shape[2:])
    )
    flat = F.conv2d(flat, kernels[:, :, :, None], groups=len(kernels))
    return F.conv2d(flat, kernels[:, :, None, :], groups=len(kernels)).view_as(images)
