"""Policies that show a part of an image: random resized crops, padded crops, and erased rectangles."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tellapart.data.augmentation.affine import about_center, warp, zoomed
from tellapart.data.augmentation.policies.policy import Policy, between
from tellapart.data.augmentation.ranges import factors, number, whole_between
from tellapart.errors import ConfigError

TRIES = 10
"""Rectangles drawn for each image, of which the first that fits is taken."""


def rectangles(
    uniform: Tensor, scale: tuple[float, float], ratio: tuple[float, float], height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Choose rectangles within images, by area and aspect ratio.

    Args:
        uniform: (B, TRIES, 4) in [0, 1).
        scale: smallest and largest area, as a share of the image.
        ratio: smallest and largest width over height, uniform in its logarithm.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        First row, first column, height and width, (B,) float64, whole numbers; and (B,) bool, whether one fitted.

    Source: Szegedy et al. 2015, arXiv:1409.4842; torchvision's RandomResizedCrop.get_params.
    """
    area = between(uniform[:, :, 0], *scale) * (height * width)
    aspect = between(uniform[:, :, 1], *(math.log(each) for each in ratio)).exp()
    wide, high = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    high, wide, top, left = (
        each.gather(1, first)[:, 0] for each in (high, wide, uniform[:, :, 2], uniform[:, :, 3])
    )
    return (top * (height - high + 1)).floor(), (left * (width - wide + 1)).floor(), high, wide, fits.any(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomResizedCrop(Policy):
    """A random part of the image, brought back to its size.

    Source: Szegedy et al. 2015, arXiv:1409.4842; torchvision's RandomResizedCrop.
    """

    name: Literal["random-resized-crop"] = "random-resized-crop"
    scale: tuple[float, float] = (0.08, 1.0)
    """Smallest and largest area, as a share of the image's."""

    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest width over height."""

    def __post_init__(self) -> None:
        _check_rectangle(self, self.scale, self.ratio)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Rectangles."""
        return (TRIES, 4)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Enlarge each image's part; where no rectangle fits, the image stays as it is."""
        height, width = images.shape[2:]
        top, left, high, wide, fitted = rectangles(drawn, self.scale, self.ratio, height, width)
        rows, columns = torch.where(fitted, high / height, 1.0), torch.where(fitted, wide / width, 1.0)
        shift = torch.stack([top + (high - height) / 2, left + (wide - width) / 2], dim=1)
        shift = torch.where(fitted[:, None], shift, 0.0)
        return warp(images, about_center(zoomed(rows, columns), shift, height, width))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectPadCrop(Policy):
    """The image shifted by whole pixels, what it leaves empty filled by its mirror image.

    Source: He et al. 2015, arXiv:1512.03385, section 4.2 (4 pixels of 32; zeros there); Jordan 2024 (reflected).
    """

    name: Literal["reflect-pad-crop"] = "reflect-pad-crop"
    pixels: int = 4
    """Largest shift, either way."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Rows and columns."""
        return (2,)

    def __post_init__(self) -> None:
        whole_between(f"{self.name}.pixels", self.pixels, 1, 10_000)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Shift the images."""
        shift = (drawn * (2 * self.pixels + 1)).floor() - self.pixels
        one = torch.ones_like(shift[:, 0])
        return warp(images, about_center(zoomed(one, one), shift, *images.shape[2:]), "mirror")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomErasing(Policy):
    """A rectangle of one random color over some of the images.

    Source: Zhong et al. 2017, arXiv:1708.04896 (one color for a rectangle: its variant of random values).
    """

    name: Literal["random-erasing"] = "random-erasing"
    probability: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    """Smallest and largest area, as a share of the image's."""

    ratio: tuple[float, float] = (0.3, 3.3)
    """Smallest and largest width over height."""

    def __post_init__(self) -> None:
        _check_rectangle(self, self.scale, self.ratio)
        number(f"{self.name}.probability", self.probability, 0, 1, "a probability, 0 to 1")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Rectangles; and, beside the first, whether to erase, beside the next ones a level for each channel."""
        return (TRIES, 5)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Cover the rectangles."""
        height, width = images.shape[2:]
        top, left, high, wide, fitted = rectangles(drawn[:, :, :4], self.scale, self.ratio, height, width)
        erased = fitted & (drawn[:, 0, 4] < self.probability)
        rows, columns = (torch.arange(side, device=images.device) for side in (height, width))
        within_rows = (rows >= top[:, None]) & (rows < (top + high)[:, None])  # (B, H)
        within_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
        covered = within_rows[:, None, :, None] & within_columns[:, None, None, :]
        covered = covered & erased[:, None, None, None]
        color = (drawn[:, 1 : 1 + images.shape[1], 4] * 256).floor().float()[:, :, None, None]  # (B, C, 1, 1)
        return torch.where(covered, color, images)


def _check_rectangle(policy: Policy, scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    for name, value in (("scale", scale), ("ratio", ratio)):
        pair = factors(f"{policy.name}.{name}", value)
        if not pair[0] or (name == "scale" and pair[1] > 1):
            most = " and at most 1" if name == "scale" else ""
            raise ConfigError(
                f"{policy.name}.{name} is out of range: {value!r}. Its numbers are above 0{most}."
            )
        object.__setattr__(policy, name, pair)
