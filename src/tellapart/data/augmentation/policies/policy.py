"""Policy: what every named augmentation is, and what policies share.

A policy is a frozen value. It draws its random numbers for a whole batch at once; applying them is a pure function of
tensors, in which no number is read back from a GPU, so that it can be recorded as a CUDA graph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Readable):
    """A named augmentation, with its strengths as fields."""

    name: str = ""
    """In a configuration and on the command line."""

    changes_direction: ClassVar[bool] = False
    """Whether it may turn an image so far that a digit or an arrow means something else."""

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """Shape of the uniform random numbers that an image takes; None: a normal one for each of its levels."""
        raise NotImplementedError

    def draw(self, n: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
        """Draw what happens to `n` images of `shape` (C, H, W): (n, ...) on the generator's device."""
        if self.numbers is None:
            return torch.randn((n, *shape), generator=generator, device=generator.device)
        size = (n, *self.numbers)
        return torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Change images as drawn.

        Args:
            images: (B, C, H, W) float32, 0 to 255.
            drawn: (B, ...), from `draw`.

        Returns:
            (B, C, H, W) float32, 0 to 255; perhaps `images` itself, which stays as it is.
        """
        raise NotImplementedError


@lru_cache(maxsize=256)
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers as a float64 tensor (n,) that stays in its place: a CUDA graph cannot copy from the host."""
    return torch.tensor(values, dtype=torch.float64, device=device)


def between(uniform: Tensor, least: float, most: float) -> Tensor:
    """Return numbers uniform in [0, 1) as numbers uniform between two others."""
    return uniform * (most - least) + least


def per_image(values: Tensor) -> Tensor:
    """Return one value per image (B,) as float32 that broadcasts against images, (B, 1, 1, 1)."""
    return values.float()[:, None, None, None]


def where_chosen(chosen: Tensor, change: Callable[..., Tensor], images: Tensor, *arguments: Tensor) -> Tensor:
    """Return images, those that are chosen changed.

    A processor changes the chosen ones alone; a GPU changes all and keeps the others, without asking how many.

    Args:
        chosen: (B,) bool.
        change: a function of images and of `arguments`, image by image.
        images: (B, ...) float32.
        *arguments: (B, ...) each.
    """
    if images.device.type != "cpu":
        which = chosen.view(-1, *[1] * (images.ndim - 1))
        return torch.where(which, change(images, *arguments), images)
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return images
    result = images.clone()
    result[rows] = change(images[rows], *(each[rows] for each in arguments))
    return result
