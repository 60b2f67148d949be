"""The augmenter: a whole batch augmented as an `Augmentation` says.

One idea: everything random is drawn first, for the whole batch, then parts of the batch are augmented, by any number of
cores, each image by its own numbers. Where images are only shifted, mirrored and covered, `shift_flip` does all of
it; anything that bends them is one matrix (`affine`); policies follow in their order.

Knows nothing of epochs, files or models.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tellapart.data.augmentation.affine import about_center, reversed_axes, sheared, turned, warp, zoomed
from tellapart.data.augmentation.levels import brighten, shift_channels
from tellapart.data.augmentation.policies.policy import between
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.shift_flip import AugmentParams, apply, cover, draw
from tellapart.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Bends:
    """What happens to each image of a batch beyond shifts and mirroring, (B,) float64 each."""

    rotation: Tensor
    """Degrees."""

    shear: Tensor
    """Degrees."""

    zoom_rows: Tensor
    """The visible part, as a share of the height."""

    zoom_columns: Tensor
    """The visible part, as a share of the width."""

    channel_shift: Tensor
    """Levels."""

    brightness: Tensor
    """A factor."""

    def of(self, part: slice) -> "Bends":
        """Return those of some of the images."""
        return Bends(*(getattr(self, name)[part] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Everything that happens to the images of a batch."""

    moves: AugmentParams
    bends: Bends | None
    """None where no setting asks for them."""

    policies: tuple[Tensor, ...]
    """For each policy what it drew, (B, ...)."""

    def of(self, part: slice) -> "Drawn":
        """Return what happens to some of the images."""
        bends = None if self.bends is None else self.bends.of(part)
        return Drawn(self.moves.of(part), bends, tuple(each[part] for each in self.policies))


def draw_all(
    settings: Augmentation, n: int, shape: tuple[int, int, int], generator: torch.Generator
) -> Drawn:
    """Draw what happens to `n` images of `shape` (C, H, W).

    Moves are drawn first, then bends, then policies in their order: turning on a later one changes no earlier one.
    """
    moves = draw(settings, n, *shape[1:], generator)
    bends = None
    if settings.bends or settings.channel_shift_range or settings.brightness_range:
        uniform = torch.rand((n, 6), generator=generator, dtype=torch.float64, device=generator.device)
        rotation, shear, zoom_rows, zoom_columns, channel_shift, brightness = uniform.unbind(1)
        ranges = (settings.rotation_range, settings.shear_range, settings.channel_shift_range)
        rotation, shear, channel_shift = (
            between(each, -most, most)
            for each, most in zip((rotation, shear, channel_shift), ranges, strict=True)
        )
        zoom_rows, zoom_columns = (
            between(each, *settings.zoom_factors) for each in (zoom_rows, zoom_columns)
        )
        brightness = between(brightness, *(settings.brightness_range or (1.0, 1.0)))
        bends = Bends(rotation, shear, zoom_rows, zoom_columns, channel_shift, brightness)
    policies = tuple(policy.draw(n, shape, generator) for policy in settings.policies)
    return Drawn(moves, bends, policies)


def apply_all(images: Tensor, drawn: Drawn, settings: Augmentation) -> Tensor:
    """Augment images as drawn.

    Args:
        images: (B, C, H, W), uint8 or float32, pixel values of 0 to 255. channels_last is fastest.
        drawn: for these images.
        settings: with which it was drawn.

    Returns:
        (B, C, H, W) float32, pixel values of 0 to 255, not rounded; channels_last. A new tensor.

    Raises:
        ConfigError: the preprocessing function is not at hand, or returned no image of the same shape.
    """
    moves, bends = drawn.moves, drawn.bends
    if settings.bends and bends is not None:
        moved = _bent(images, moves, bends, settings)
    else:
        moved = apply(images, replace(moves, squares=None), settings.fill_mode, settings.cval)
    if settings.channel_shift_range and bends is not None:
        moved = shift_channels(moved, bends.channel_shift)
    if settings.brightness_range and bends is not None:
        moved = brighten(moved, bends.brightness)
    if moves.squares is not None:
        moved = cover(moved, moves.squares, settings.cutout)
    for policy, numbers in zip(settings.policies, drawn.policies, strict=True):
        moved = policy.apply(moved, numbers)
    if settings.preprocessing_function is not None:
        moved = _by_function(moved, settings.preprocessing_function)
    return moved.contiguous(memory_format=torch.channels_last)


def augmented(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Augment images (B, C, H, W) at random; see `apply_all`."""
    n, channels, height, width = images.shape
    return apply_all(images, draw_all(settings, n, (channels, height, width), generator), settings)


def _bent(images: Tensor, moves: AugmentParams, bends: Bends, settings: Augmentation) -> Tensor:
    """Rotate, shift, shear, zoom and mirror: a rotation of shifted images, as ImageDataGenerator does it."""
    height, width = images.shape[2:]
    rotation = turned(bends.rotation)
    linear = rotation @ sheared(bends.shear) @ zoomed(bends.zoom_rows, bends.zoom_columns)
    shift = torch.stack([moves.dy, moves.dx], dim=1).double()
    shift = (rotation @ shift[:, :, None])[:, :, 0]
    matrix = about_center(linear, shift, height, width)
    matrix = reversed_axes(matrix, moves.mirrored, moves.flipped, height, width)
    return warp(images, matrix, settings.fill_mode, settings.cval)


def function_is_missing(name: str) -> str:
    """Return what an error says where a preprocessing function is needed and only its name is known."""
    return (
        f"Its training images went through {name}, a function in Python that no run folder can hold. "
        "Train again with it: tellapart.train(..., augmentation=Augmentation(preprocessing_function=...))."
    )


def _by_function(images: Tensor, function: object) -> Tensor:
    """Return images after a function of NumPy arrays, one image (H, W, C) at a time."""
    if not callable(function):
        raise ConfigError(function_is_missing(str(function)))
    results = []
    for image in images.permute(0, 2, 3, 1).cpu().numpy():
        result = np.asarray(function(image.copy()), dtype=np.float32)
        if result.shape != image.shape:
            raise ConfigError(
                f"preprocessing_function must return an image of the same shape, {image.shape}; got {result.shape}."
            )
        results.append(result)
    return torch.from_numpy(np.stack(results)).to(images.device).permute(0, 3, 1, 2)
