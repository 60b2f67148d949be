"""Augmentation: pictures shifted, mirrored and partly covered at random.

Shifts and mirrors are those of Keras's ImageDataGenerator; gray squares ("cutout") it did not have.

One idea: the chances are drawn first (`draw`, for a whole batch at once) and applied after (`apply`, which
has no chance in it). Everything random comes from the generator that the caller hands in. What is left out
of ImageDataGenerator: `rescale` and `preprocessing_function`, because pixels are scaled inside the model.

ImageDataGenerator in Keras 3 moves columns by `height_shift_range` and rows by `width_shift_range`: its
`apply_affine_transform` swaps the two. Here each name means what it says, as in Keras's documentation. On
square pictures with equal ranges, as in the tutorial, the two cannot be told apart.

`apply` gathers whole rows, then columns, still as bytes, and blends neighbors twice. It is exact where no
move is a fraction. Median ms for 32 and for 512 uint8 pictures of 32x32x3, in one piece (two shared Xeon
cores, 2 threads, torch 2.13, n >= 200 and 25): this way 0.37 and 2.9; one flat gather of pixels 0.40 and 3.8;
grid_sample 0.45 and 6.6, and 1e-3 off; a matrix product per axis 0.66 and 4.8; pixels packed into int32 0.71
and 7.4.

Knows nothing of epochs, files or models.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from tellapart.errors import ConfigError

FILL_MODES: Final = ("nearest", "constant", "mirror")
GRAY: Final = 128.0
"""Pixel value of a cut-out square."""

_NOT_IMPLEMENTED: Final[dict[str, object]] = {
    "featurewise_center": False,
    "samplewise_center": False,
    "featurewise_std_normalization": False,
    "samplewise_std_normalization": False,
    "zca_whitening": False,
    "zca_epsilon": 1e-6,
    "rotation_range": 0.0,
    "brightness_range": None,
    "shear_range": 0.0,
    "zoom_range": 0.0,
    "channel_shift_range": 0.0,
}
"""Switches of ImageDataGenerator that stay at its own "off", and that "off"."""

_VALUES_AT_ONCE: Final = 2**17
"""Pixel values moved at a time. The allocator reuses half a megabyte of floats; larger pieces it gives back
to the system, to be faulted in again at every step (512 pictures in a fresh process: 10 ms instead of 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What may happen to a training picture: ImageDataGenerator's switches, by its names, and two more. All start off.

    Shifts, mirroring and gray squares can be turned on. The other switches stand here so that a run's record
    shows each of them as off; turning one on is refused.

    Raises:
        ConfigError: a value out of range, or a switch turned on that is not implemented.
    """

    featurewise_center: bool = False
    """Subtract the data set's mean picture. Not implemented."""

    samplewise_center: bool = False
    """Subtract each picture's own mean. Not implemented."""

    featurewise_std_normalization: bool = False
    """Divide by the data set's standard deviation. Not implemented."""

    samplewise_std_normalization: bool = False
    """Divide by each picture's own standard deviation. Not implemented."""

    zca_whitening: bool = False
    """Remove correlations between pixels. Not implemented."""

    zca_epsilon: float = 1e-6
    """Added to the eigenvalues by whitening, in squared pixel values. Without whitening it does nothing."""

    rotation_range: float = 0.0
    """Largest rotation to either side, in degrees. Not implemented."""

    width_shift_range: float | int = 0.0
    """Largest move sideways, either way.

    A float below 1 is a share of the width, a float from 1 is pixels, both uniform and with fractions. An int
    n gives whole pixels: k, one of 0 to n - 1, to either side, as ImageDataGenerator draws it (so 1 is none).
    """

    height_shift_range: float | int = 0.0
    """Largest move up or down: a share of the height or pixels, as for `width_shift_range`."""

    brightness_range: tuple[float, float] | None = None
    """Smallest and largest factor of brightness. Not implemented."""

    shear_range: float = 0.0
    """Largest shear to either side, in degrees. Not implemented."""

    zoom_range: float = 0.0
    """Largest zoom in or out, as a share of the picture. Not implemented."""

    channel_shift_range: float = 0.0
    """Largest change of a whole color channel, in pixel values of 0 to 255. Not implemented."""

    fill_mode: Literal["nearest", "constant", "mirror"] = "nearest"
    """What fills the places that a shift leaves empty: the nearest edge pixel, `cval`, or the picture mirrored
    at its edge pixel (dcb|abcd|cba: SciPy's "mirror"; ImageDataGenerator's "reflect" repeats the edge)."""

    cval: float = 0.0
    """The pixel value, 0 to 255, that `fill_mode="constant"` fills with."""

    horizontal_flip: bool = False
    """Mirror every second picture, by chance, left to right."""

    vertical_flip: bool = False
    """Turn every second picture, by chance, upside down."""

    alternating_flip: bool = False
    """With `horizontal_flip`: by chance in the first epoch, then each picture the other way round in every
    next one. Source: Jordan 2024, arXiv:2404.00498."""

    cutout: int = 0
    """Side of a square at a random place within the picture that is painted gray, in pixels; 0: none.
    Source: DeVries & Taylor 2017, arXiv:1708.04552."""

    def __post_init__(self) -> None:
        for name, off in _NOT_IMPLEMENTED.items():
            if getattr(self, name) != off:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: this part of ImageDataGenerator is not implemented; "
                    f"the only value accepted is {off!r}.\n"
                    "Implemented: width_shift_range, height_shift_range, horizontal_flip, vertical_flip, "
                    "alternating_flip, cutout."
                )
        for name in ("width_shift_range", "height_shift_range"):
            _check_shift_range(name, getattr(self, name))
        for name in ("horizontal_flip", "vertical_flip", "alternating_flip"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is true or false; got {getattr(self, name)!r}.")
        if self.fill_mode not in FILL_MODES:
            raise ConfigError(f"fill_mode is one of {', '.join(FILL_MODES)}; got {self.fill_mode!r}.")
        if isinstance(self.cutout, bool) or not isinstance(self.cutout, int) or self.cutout < 0:
            raise ConfigError(f"cutout is a whole number of pixels, 0 or more; got {self.cutout!r}.")
        if not 0 <= self.cval <= 255:
            raise ConfigError(f"cval is a pixel value, 0 to 255; got {self.cval!r}.")

    @classmethod
    def tutorial(cls) -> "Augmentation":
        """The Keras CIFAR-10 tutorial's: shifts of up to a tenth each way, mirrored left to right."""
        return cls(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)


def _check_shift_range(name: str, value: float | int) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ConfigError(
            f"{name} is 0 or more: a float below 1 for a share of the picture, a float from 1 for pixels, "
            f"an int for whole pixels; got {value!r}."
        )


@dataclass(frozen=True, slots=True)
class AugmentParams:
    """What happens to each picture of one batch: shifted first, then mirrored or turned upside down.

    The pixel at row y, column x of a shifted picture is the one that stood at (y + dy, x + dx).
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
    """(B, 2) int64, first row and column of each picture's gray square; None: there is none."""

    def of(self, part: slice) -> "AugmentParams":
        """Those of some of the pictures."""
        squares = None if self.squares is None else self.squares[part]
        return AugmentParams(self.dy[part], self.dx[part], self.mirrored[part], self.flipped[part], squares)


def augment(images: Tensor, plan: Augmentation, generator: torch.Generator) -> Tensor:
    """Move each picture by chance.

    Args:
        images: (B, C, H, W), uint8 or float32, pixel values of 0 to 255.
        plan: what may happen.
        generator: where all chance comes from.

    Returns:
        (B, C, H, W) float32, channels_last, pixel values of 0 to 255, not rounded. A new tensor.
    """
    n, _, height, width = images.shape
    return apply(images, draw(plan, n, height, width, generator), plan.fill_mode, plan.cval, plan.cutout)


def draw(plan: Augmentation, n: int, height: int, width: int, generator: torch.Generator) -> AugmentParams:
    """Draw the moves of `n` pictures of `height` by `width` pixels.

    Each picture takes four chances in turn, whatever the plan. So turning one switch changes no other move,
    and a picture's shifts and mirrors do not depend on how many pictures follow; squares are drawn after all.

    Source: keras/src/legacy/preprocessing/image.py, ImageDataGenerator.get_random_transform.
    """
    # float64: 53 random bits, so that chance * 2n below never rounds up to 2n.
    chance = torch.rand((n, 4), generator=generator, dtype=torch.float64, device=generator.device)
    for_dy, for_dx, for_mirrored, for_flipped = chance.unbind(1)
    return AugmentParams(
        dy=_shift(for_dy, plan.height_shift_range, height),
        dx=_shift(for_dx, plan.width_shift_range, width),
        mirrored=for_mirrored < (0.5 if plan.horizontal_flip else 0.0),
        flipped=for_flipped < (0.5 if plan.vertical_flip else 0.0),
        squares=_squares(plan.cutout, n, height, width, generator) if plan.cutout else None,
    )


def _squares(side: int, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """First rows and columns (n, 2) int64 of squares that lie within the picture; from zero where none fits."""
    chance = torch.rand((n, 2), generator=generator, dtype=torch.float64, device=generator.device)
    places = max(1, height - side + 1), max(1, width - side + 1)
    return torch.stack([chance[:, 0] * places[0], chance[:, 1] * places[1]], dim=1).long()


def _shift(chance: Tensor, shift_range: float | int, size: int) -> Tensor:
    """Chances (B,), uniform in [0, 1), as shifts (B,) float32 in pixels along an axis of `size` pixels."""
    if isinstance(shift_range, int):
        # One chance among 2n equal ones gives both choices: k in 0..n-1, and its sign.
        choice = (chance * (2 * shift_range)).floor()
        return torch.where(choice < shift_range, choice, shift_range - choice).float()
    pixels = shift_range * size if shift_range < 1 else shift_range
    return (chance * (2 * pixels)).sub_(pixels).float()


def apply(
    images: Tensor, moves: AugmentParams, fill_mode: str = "nearest", cval: float = 0.0, cutout: int = 0
) -> Tensor:
    """Shift each picture, mirror it, turn it upside down, and gray a square, as `moves` says.

    Args:
        images: (B, C, H, W), uint8 or float32, pixel values of 0 to 255. channels_last is fastest.
        moves: one of each per picture.
        fill_mode: one of FILL_MODES, what fills the places that a shift leaves empty.
        cval: the pixel value that "constant" fills with.
        cutout: side of the gray square, in pixels, where `moves` has squares.

    Returns:
        (B, C, H, W) float32, channels_last, blended linearly between pixels, not rounded. A new tensor.

    Raises:
        ConfigError: there is no such `fill_mode`.
        ValueError: `moves` and `images` differ in B.

    Source: keras/src/legacy/preprocessing/image.py, ImageDataGenerator.apply_transform, where dy is `ty` and
    dx is `tx`; scipy.ndimage.affine_transform with order=1.
    """
    if fill_mode not in FILL_MODES:
        raise ConfigError(f"fill_mode is one of {', '.join(FILL_MODES)}; got {fill_mode!r}.")
    if moves.dy.shape != images.shape[:1]:
        raise ValueError(
            f"One move per picture: got {tuple(moves.dy.shape)} for images {tuple(images.shape)}."
        )
    pixels = images.permute(0, 2, 3, 1).contiguous()  # (B, H, W, C)
    n, height, width, channels = pixels.shape
    mirror = fill_mode == "mirror"
    rows, row_weight = _neighbors(moves.dy, moves.flipped, height, mirror)  # (B, H + 1), (B, 1, 1)
    columns, column_weight = _neighbors(moves.dx, moves.mirrored, width, mirror)  # (B, W + 1), (B, 1, 1)

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
    moved = moved.view(n, height, width, channels)
    if fill_mode == "constant":
        inside_rows = _inside(moves.dy, moves.flipped, height)[:, :, None, None]
        inside_columns = _inside(moves.dx, moves.mirrored, width)[:, None, :, None]
        moved.masked_fill_(~(inside_rows & inside_columns), cval)
    if moves.squares is not None:
        rows, columns = (_within(moves.squares[:, i], cutout, side) for i, side in enumerate((height, width)))
        moved.masked_fill_((rows[:, :, None] & columns[:, None, :])[..., None], GRAY)
    return moved.permute(0, 3, 1, 2)


def _gather(pixels: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """Whole rows of each picture by `rows` (b, R), then of each row the `values` (b, R, V): (b, R, V)."""
    n, height, width, channels = pixels.shape
    in_batch = rows + torch.arange(0, n * height, height, device=rows.device)[:, None]
    near = pixels.view(n * height, width * channels).index_select(0, in_batch.view(-1))
    return near.view(n, -1, width * channels).gather(2, values)


def _neighbors(shift: Tensor, reverse: Tensor, size: int, mirror: bool) -> tuple[Tensor, Tensor]:
    """Where each pixel along one axis comes from: pixel i blends entries i and i + 1 of the index.

    Args:
        shift: (B,) float32, pixels.
        reverse: (B,) bool, whether the axis runs backwards afterward.
        size: pixels along the axis.
        mirror: whether what lies outside is the picture mirrored, not its edge pixel.

    Returns:
        The index (B, size + 1) int64, held inside the picture, and the weight (B, 1, 1) of entry i + 1.
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


def _within(first: Tensor, count: int, size: int) -> Tensor:
    """Whether each pixel along one axis is one of the `count` from `first` on, (B, size) bool."""
    ahead = torch.arange(size, device=first.device)
    return (ahead >= first[:, None]) & (ahead < first[:, None] + count)


def _inside(shift: Tensor, reverse: Tensor, size: int) -> Tensor:
    """Whether each pixel along one axis comes from inside the picture, (B, size) bool."""
    ahead = torch.arange(size, device=shift.device)
    origin = torch.where(reverse[:, None], size - 1 - ahead, ahead) + shift.double()[:, None]
    return (origin >= 0) & (origin <= size - 1)
