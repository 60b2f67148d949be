"""Augmentation: images shifted, mirrored and partly covered at random, as `settings.Augmentation` says.

Shifts and mirrors are those of Keras's ImageDataGenerator; gray squares ("cutout") it does not have.

One idea: the parameters are drawn first (`draw`, for a whole batch at once) and applied after (`apply`, in
which nothing is random). All randomness comes from the generator that the caller passes.

ImageDataGenerator in Keras 3 moves columns by `height_shift_range` and rows by `width_shift_range`: its
`apply_affine_transform` swaps the two. Here each name means what it says, as in Keras's documentation. On
square images with equal ranges, as in the tutorial, there is no difference.

`apply` gathers whole rows, then columns, still as bytes, and blends neighbors twice. It is exact where no
shift is a fraction. Median ms for 32 and for 512 uint8 images of 32x32x3, in one piece (two shared Xeon
cores, 2 threads, torch 2.13, n >= 200 and 25): this way 0.37 and 2.9; one flat gather of pixels 0.40 and 3.8;
grid_sample 0.45 and 6.6, and 1e-3 off; a matrix product per axis 0.66 and 4.8; pixels packed into int32 0.71
and 7.4.

Rotations and other bends are `affine`'s; `augmenter` does whatever the settings say.

Knows nothing of epochs, files or models.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tellapart.data.augmentation.policies.policy import constant
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

GRAY: Final = 128.0
"""Pixel value of a cut-out square."""

FILL_MODES: Final = ("nearest", "constant", "mirror")
"""Those of this way; `affine` has others."""

_VALUES_AT_ONCE: Final = 2**17
"""Pixel values moved at a time. The allocator reuses half a megabyte of floats; larger pieces it gives back
to the system, to be faulted in again at every step (512 images in a fresh process: 10 ms instead of 3)."""


@dataclass(frozen=True, slots=True)
class AugmentParams:
    """What happens to each image of one batch: shifted first, then mirrored or turned upside down.

    The pixel at row y, column x of a shifted image is the one that stood at (y + dy, x + dx).
    """

    dy: Tensor
    """(B,) float32, rows. A positive one moves the content up."""

    dx: Tensor
    """(B,) float32, columns. A positive one moves the content left."""

    mirrored: Tensor
    """(B,) bool, left to right."""

    flipped: Tensor
    """(B,) bool, upside down."""

    squares: Tensor | None = None
    """(B, 2) int64, first row and column of each image's gray square; None: no squares."""

    def of(self, part: slice) -> "AugmentParams":
        """Return the parameters of some of the images."""
        squares = None if self.squares is None else self.squares[part]
        return AugmentParams(self.dy[part], self.dx[part], self.mirrored[part], self.flipped[part], squares)


def augment(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Shift, mirror and cover each image at random.

    Args:
        images: (B, C, H, W), uint8 or float32, pixel values of 0 to 255.
        settings: what may happen.
        generator: the only source of randomness.

    Returns:
        (B, C, H, W) float32, channels_last, pixel values of 0 to 255, not rounded. A new tensor.
    """
    n, _, height, width = images.shape
    return apply(
        images,
        draw(settings, n, height, width, generator),
        settings.fill_mode,
        settings.cval,
        settings.cutout,
    )


def draw(
    settings: Augmentation, n: int, height: int, width: int, generator: torch.Generator
) -> AugmentParams:
    """Draw the parameters of `n` images of `height` by `width` pixels.

    Each image takes four random numbers in turn, whatever the settings. So turning one switch changes no other
    parameter, and an image's shifts and mirrors do not depend on how many images follow; squares are drawn last.

    Source: keras/src/legacy/preprocessing/image.py, ImageDataGenerator.get_random_transform.
    """
    # float64: 53 random bits, so that uniform * 2n below never rounds up to 2n.
    uniform = torch.rand((n, 4), generator=generator, dtype=torch.float64, device=generator.device)
    for_dy, for_dx, for_mirrored, for_flipped = uniform.unbind(1)
    return AugmentParams(
        dy=_shift(for_dy, settings.height_shift_range, height),
        dx=_shift(for_dx, settings.width_shift_range, width),
        mirrored=for_mirrored < (0.5 if settings.horizontal_flip else 0.0),
        flipped=for_flipped < (0.5 if settings.vertical_flip else 0.0),
        squares=_squares(settings.cutout, n, height, width, generator) if settings.cutout else None,
    )


def _squares(side: int, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw first rows and columns (n, 2) int64 of squares that lie within the image; zeros where none fits."""
    uniform = torch.rand((n, 2), generator=generator, dtype=torch.float64, device=generator.device)
    places = max(1, height - side + 1), max(1, width - side + 1)
    return torch.stack([uniform[:, 0] * places[0], uniform[:, 1] * places[1]], dim=1).long()


def _shift(uniform: Tensor, shift_range: float | int | tuple[float, ...], size: int) -> Tensor:
    """Turn numbers (B,), uniform in [0, 1), into shifts (B,) float32 in pixels along an axis of `size` pixels."""
    if isinstance(shift_range, tuple):
        unit = size if max(shift_range) < 1 else 1
        either_way = [sign * unit * value for value in shift_range for sign in (1, -1)]
        return constant(tuple(either_way), uniform.device)[(uniform * len(either_way)).long()].float()
    if isinstance(shift_range, int):
        # One of 2n equally likely numbers gives both choices: k in 0..n-1, and its sign.
        choice = (uniform * (2 * shift_range)).floor()
        return torch.where(choice < shift_range, choice, shift_range - choice).float()
    pixels = shift_range * size if shift_range < 1 else shift_range
    return (uniform * (2 * pixels)).sub_(pixels).float()


def apply(
    images: Tensor, params: AugmentParams, fill_mode: str = "nearest", cval: float = 0.0, cutout: int = 0
) -> Tensor:
    """Shift each image, mirror it, turn it upside down, and cover a square with gray, as `params` says.

    Args:
        images: (B, C, H, W), uint8 or float32, pixel values of 0 to 255. channels_last is fastest.
        params: one of each per image.
        fill_mode: one of FILL_MODES; what fills the places that a shift leaves empty.
        cval: the pixel value that "constant" fills with.
        cutout: side of the gray square, in pixels, where `params` has squares.

    Returns:
        (B, C, H, W) float32, channels_last, blended linearly between pixels, not rounded. A new tensor.

    Raises:
        ConfigError: a `fill_mode` that is none of FILL_MODES.
        ValueError: `params` and `images` differ in B.

    Source: keras/src/legacy/preprocessing/image.py, ImageDataGenerator.apply_transform, where dy is `ty` and
    dx is `tx`; scipy.ndimage.affine_transform with order=1.
    """
    if fill_mode not in FILL_MODES:
        raise ConfigError(f"fill_mode is one of {', '.join(FILL_MODES)}; got {fill_mode!r}.")
    if params.dy.shape != images.shape[:1]:
        raise ValueError(
            f"One shift per image: got {tuple(params.dy.shape)} for images {tuple(images.shape)}."
        )
    pixels = images.permute(0, 2, 3, 1).contiguous()  # (B, H, W, C)
    moved = _shifted(pixels, params, mirror=fill_mode == "mirror")
    if fill_mode == "constant":
        moved.masked_fill_(~_comes_from_inside(params, *moved.shape[1:3]), cval)
    moved = moved.permute(0, 3, 1, 2)
    return moved if params.squares is None else cover(moved, params.squares, cutout)


def cover(images: Tensor, squares: Tensor, side: int) -> Tensor:
    """Cover a square of each image (B, C, H, W) with gray, in place; `squares` (B, 2) are first rows and columns."""
    return images.masked_fill_(_inside_squares(squares, side, *images.shape[2:]), GRAY)


def _shifted(pixels: Tensor, params: AugmentParams, mirror: bool) -> Tensor:
    """Shift and mirror (B, H, W, C) images: float32 of the same shape; the nearest edge, or a mirror image, outside."""
    n, height, width, channels = pixels.shape
    rows, row_weight = _neighbors(params.dy, params.flipped, height, mirror)  # (B, H + 1), (B, 1, 1)
    columns, column_weight = _neighbors(params.dx, params.mirrored, width, mirror)  # (B, W + 1), (B, 1, 1)

    # One index per value of a row; along the rows it repeats without memory of its own.
    values = (columns * channels)[:, :, None] + torch.arange(channels, device=columns.device)
    values = values.view(n, 1, (width + 1) * channels).expand(-1, height + 1, -1)

    moved = torch.empty((n, height, width * channels), device=pixels.device)
    at_once = max(1, _VALUES_AT_ONCE // max(1, height * width * channels))
    if pixels.device.type != "cpu":  # a GPU is filled by all at once
        at_once = max(1, n)
    for start in range(0, n, at_once):
        part = slice(start, start + at_once)
        near = _gather(pixels[part], rows[part], values[part]).float()  # (b, H + 1, (W + 1) * C)
        near = torch.lerp(near[:, :-1], near[:, 1:], row_weight[part])  # (b, H, (W + 1) * C)
        left, right = near[:, :, :-channels], near[:, :, channels:]
        torch.lerp(left, right, column_weight[part], out=moved[part])
    return moved.view(n, height, width, channels)


def _gather(pixels: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """Gather whole rows of each image by `rows` (b, R), then of each row the `values` (b, R, V): (b, R, V)."""
    n, height, width, channels = pixels.shape
    in_batch = rows + torch.arange(0, n * height, height, device=rows.device)[:, None]
    near = pixels.view(n * height, width * channels).index_select(0, in_batch.view(-1))
    return near.view(n, -1, width * channels).gather(2, values)


def _neighbors(shift: Tensor, reverse: Tensor, size: int, mirror: bool) -> tuple[Tensor, Tensor]:
    """Return where each pixel along one axis comes from: pixel i blends entries i and i + 1 of the index.

    Args:
        shift: (B,) float32, pixels.
        reverse: (B,) bool, whether the axis runs backwards afterward.
        size: pixels along the axis.
        mirror: whether the image mirrored lies outside it, instead of its edge pixel.

    Returns:
        The index (B, size + 1) int64, clamped to the image, and the weight (B, 1, 1) of entry i + 1.
    """
    shift, reverse = shift[:, None], reverse[:, None]  # (B, 1)
    whole = shift.floor()
    weight = shift - whole
    ahead = torch.arange(size + 1, device=shift.device)
    # Reversed, the same neighbors stand in the opposite order, so their weights change places.
    index = torch.where(reverse, size - ahead, ahead).add_(whole.long())
    if mirror and size > 1:
        index = index.remainder_(2 * size - 2)
        index = torch.minimum(index, 2 * size - 2 - index)
    index.clamp_(0, size - 1)
    return index, torch.where(reverse, 1 - weight, weight)[:, :, None]


def _comes_from_inside(params: AugmentParams, height: int, width: int) -> Tensor:
    """Return whether each pixel comes from inside its image, (B, H, W, 1) bool."""
    rows = _inside(params.dy, params.flipped, height)[:, :, None, None]
    columns = _inside(params.dx, params.mirrored, width)[:, None, :, None]
    return rows & columns


def _inside(shift: Tensor, reverse: Tensor, size: int) -> Tensor:
    """Return whether each pixel along one axis comes from inside the image, (B, size) bool."""
    ahead = torch.arange(size, device=shift.device)
    origin = torch.where(reverse[:, None], size - 1 - ahead, ahead) + shift.double()[:, None]
    return (origin >= 0) & (origin <= size - 1)


def _inside_squares(squares: Tensor, side: int, height: int, width: int) -> Tensor:
    """Return whether each pixel lies in its image's square, (B, 1, H, W) bool."""
    rows, columns = _within(squares[:, 0], side, height), _within(squares[:, 1], side, width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _within(first: Tensor, count: int, size: int) -> Tensor:
    """Return whether each pixel along one axis is one of the `count` from `first` on, (B, size) bool."""
    ahead = torch.arange(size, device=first.device)
    return (ahead >= first[:, None]) & (ahead < first[:, None] + count)
