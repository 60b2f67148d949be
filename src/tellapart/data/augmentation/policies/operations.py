"""Operations: the fifteen changes of which AutoAugment and its successors choose, as Pillow makes them.

One idea: every image of a batch has its own operation, so each family of operations is one calculation for all of
its images: moves are one matrix each, changes of single levels are one table of 256 levels for each channel, and
saturation and sharpness blend an image with a duller one.

Levels are whole numbers. Oracle: Pillow's ImageOps, ImageEnhance and Image.transform.
"""

from dataclasses import dataclass
from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.data.augmentation.affine import about_center, turned, warp
from tellapart.data.augmentation.policies.policy import constant, per_image, where_chosen
from tellapart.pages.card import Readable

LEVELS = 256


class Operation(IntEnum):
    """What is done, and what its strength means."""

    IDENTITY = 0
    SHEAR_X = 1  # slope
    SHEAR_Y = 2
    TRANSLATE_X = 3  # pixels
    TRANSLATE_Y = 4
    ROTATE = 5  # degrees, counterclockwise
    BRIGHTNESS = 6  # factor
    COLOR = 7  # factor
    CONTRAST = 8  # factor
    SHARPNESS = 9  # factor
    POSTERIZE = 10  # bits that are kept
    SOLARIZE = 11  # level from which on levels are inverted
    AUTO_CONTRAST = 12
    EQUALIZE = 13
    INVERT = 14


MOVES = (Operation.SHEAR_X, Operation.ROTATE)
TABLES = (
    Operation.BRIGHTNESS, Operation.CONTRAST, Operation.POSTERIZE, Operation.SOLARIZE, Operation.AUTO_CONTRAST,
    Operation.EQUALIZE, Operation.INVERT,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths(Readable):
    """The strongest that each operation gets."""

    shear: float
    """Slope."""

    translate_share: float = 0.0
    """Share of the image's width or height."""

    translate_pixels: float = 0.0

    rotate: float
    """Degrees."""

    enhance: float
    """By which the factors of brightness, color, contrast and sharpness differ from 1."""

    posterize: int
    """Bits that are lost."""

    def of(self, choice: Tensor, level: Tensor, negative: Tensor, height: int, width: int) -> Tensor:
        """Return the strength (B,) of operations `choice` (B,) at a level of 0 to 1, where signed to either side."""
        across, down = (self.translate_share * side + self.translate_pixels for side in (width, height))
        signed = (0.0, self.shear, self.shear, across, down, self.rotate, *(4 * [self.enhance]))
        strongest = constant((*signed, -float(self.posterize), -255.0, 0.0, 0.0, 0.0), choice.device)
        weakest = constant((*(6 * [0.0]), *(4 * [1.0]), 8.0, 255.0, 0.0, 0.0, 0.0), choice.device)
        change = strongest[choice] * level
        change = torch.where(choice == Operation.POSTERIZE, change.round(), change)
        change = torch.where(
            _between(choice, Operation.TRANSLATE_X, Operation.TRANSLATE_Y), change.trunc(), change
        )
        is_signed = _between(choice, Operation.SHEAR_X, Operation.SHARPNESS)
        return weakest[choice] + torch.where(is_signed & negative, -change, change)


def perform(images: Tensor, choice: Tensor, strength: Tensor, fill: float = 0.0) -> Tensor:
    """Do one operation to each image.

    Args:
        images: (B, C, H, W) float32, whole levels of 0 to 255.
        choice: (B,) int64, of `Operation`.
        strength: (B,) float64, in the operation's unit.
        fill: level of the places that a move leaves empty.

    Returns:
        (B, C, H, W) float32, whole levels.
    """

    images = images.contiguous()  # whole channels are searched and counted

    def moved(images: Tensor, choice: Tensor, strength: Tensor) -> Tensor:
        matrix = _moving(choice, strength, *images.shape[2:])
        return warp(images, matrix, "constant", fill, nearest=True)

    images = where_chosen(_between(choice, *MOVES), moved, images, choice, strength)
    by_table = torch.zeros_like(choice, dtype=torch.bool)
    for operation in TABLES:
        by_table = by_table | (choice == operation)
    images = where_chosen(by_table, _looked_up, images, choice, strength)
    images = where_chosen(choice == Operation.COLOR, _saturated, images, strength)
    return where_chosen(choice == Operation.SHARPNESS, _sharpened, images, strength)


def luminance(images: Tensor) -> Tensor:
    """Return how bright each pixel is, (B, 1, H, W), whole levels, as Pillow computes it; of gray images themselves."""
    if images.shape[1] != 3:
        return images.mean(1, keepdim=True).floor()
    red, green, blue = images.unbind(1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) / 65536).floor()[:, None]


def blended(dull: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """Return Image.blend(dull, image, factor): levels cut to whole ones, 0 to 255."""
    return (dull + per_image(factor) * (images - dull)).clamp(0, 255).floor()


def _between(choice: Tensor, first: int, last: int) -> Tensor:
    return (choice >= first) & (choice <= last)


def _moving(choice: Tensor, strength: Tensor, height: int, width: int) -> Tensor:
    """Return the matrices (B, 2, 3) of shears about the upper left corner, translations, and rotations."""

    def of(operation: Operation) -> Tensor:
        return torch.where(choice == operation, strength, torch.zeros_like(strength))

    linear = turned(of(Operation.ROTATE))
    matrix = about_center(linear, torch.zeros_like(linear[:, 0]), height, width)
    shear_x, shear_y = of(Operation.SHEAR_X), of(Operation.SHEAR_Y)
    nothing = torch.zeros_like(strength)
    # Of the places (row + 1/2, column + 1/2) of pixels' centers.
    for_rows = torch.stack([nothing, shear_y, shear_y / 2 + of(Operation.TRANSLATE_Y)], dim=1)
    for_columns = torch.stack([shear_x, nothing, shear_x / 2 + of(Operation.TRANSLATE_X)], dim=1)
    return matrix + torch.stack([for_rows, for_columns], dim=1)


def _looked_up(images: Tensor, choice: Tensor, strength: Tensor) -> Tensor:
    table = _table(images, choice, strength.float())  # (B, C, 256)
    return table.gather(2, images.flatten(2).long()).view_as(images)


def _table(images: Tensor, choice: Tensor, strength: Tensor) -> Tensor:
    """Return what becomes of each level, (B, C, 256) float32."""
    levels = torch.arange(LEVELS, dtype=torch.float32, device=images.device).expand(*images.shape[:2], -1)
    factor = strength[:, None, None]
    mean = (luminance(images).mean((1, 2, 3)) + 0.5).floor()[:, None, None]
    lost = torch.exp2(8 - factor)
    tables = {
        Operation.BRIGHTNESS: (factor * levels).clamp(0, 255).floor(),
        Operation.CONTRAST: (mean + factor * (levels - mean)).clamp(0, 255).floor(),
        Operation.POSTERIZE: (levels / lost).floor() * lost,
        Operation.SOLARIZE: torch.where(levels < factor, levels, 255 - levels),
        Operation.INVERT: 255 - levels,
    }
    result = levels
    for operation, table in tables.items():
        result = torch.where((choice == operation)[:, None, None], table, result)
    result = where_chosen(choice == Operation.AUTO_CONTRAST, _stretching, result, images)
    return where_chosen(choice == Operation.EQUALIZE, _equalizing, result, images)


def _stretching(levels: Tensor, images: Tensor) -> Tensor:
    """Return Pillow's table of ImageOps.autocontrast for each channel; `levels` (B, C, 256) are 0 to 255."""
    least, most = (each[:, :, None].double() for each in images.flatten(2).aminmax(dim=2))
    scale = torch.full_like(most, 255.0) / (most - least).clamp(
        min=1
    )  # `255 / x` would be 255 times a reciprocal
    stretched = (levels * scale - least * scale).clamp(0, 255).trunc().float()
    return torch.where(most > least, stretched, levels)


def _equalizing(levels: Tensor, images: Tensor) -> Tensor:
    """Return Pillow's table of ImageOps.equalize for each channel; `levels` (B, C, 256) are 0 to 255."""
    pixels = images.flatten(2)
    counts = torch.zeros_like(levels).scatter_add(2, pixels.long(), torch.ones_like(pixels))
    last = torch.where(counts > 0, levels, torch.zeros_like(levels)).amax(
        2, keepdim=True
    )  # the largest level
    step = ((counts.sum(2, keepdim=True) - counts.gather(2, last.long())) / 255).floor()
    before = counts.cumsum(2) - counts
    table = ((before + (step / 2).floor()) / step.clamp(min=1)).floor().clamp(0, 255)
    return torch.where(step > 0, table, levels)


def _saturated(images: Tensor, strength: Tensor) -> Tensor:
    return blended(luminance(images), images, strength)


def _sharpened(images: Tensor, strength: Tensor) -> Tensor:
    """Blend with the image smoothed by Pillow's SMOOTH filter, which leaves the outermost pixels as they are."""
    if min(images.shape[2:]) < 3:
        return images
    around = F.avg_pool2d(images, 3, stride=1) * 9
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = ((around + 4 * images[:, :, 1:-1, 1:-1]) / 13 + 0.5).floor()
    return blended(smooth, images, strength)
