"""Preprocessing layers: scale the values of pixels, and resize or crop images.

Always in float32: bfloat16's 8 bits just hold whole pixel values, and nothing between them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_torch
from tellapart.lowering.ops.base import Config, FunctionOperation, Operation, Rule, is_channels_last

MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic"}
"""Keras's name of an interpolation -> torch's. Keras has others (Lanczos) on other backends only."""

LEAST_DEVIATION = 1e-7
"""The least deviation that Normalization divides by: Keras's epsilon, unless `set_epsilon` changed it."""


class Rescaling(Operation):
    """Rescaling by one factor and one offset."""

    overwritable = True

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale, self.offset = float(config["scale"]), float(config["offset"])

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x = x.float() * self.scale
        return x + self.offset if self.offset else x


class RescalingOfChannels(Operation):
    """Rescaling with a factor and an offset for each channel."""

    overwritable = True

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale, self.offset = (_numbers(config[name]) for name in ("scale", "offset"))

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        scale, offset = (_along(value, (-1,), x) for value in (self.scale, self.offset))
        return x.float() * scale + offset


class Standardization(Operation):
    """Keras's Normalization: subtract a mean and divide by a standard deviation, both fixed beforehand."""

    overwritable = True

    def __init__(self, config: Config, mean: Tensor, variance: Tensor) -> None:
        super().__init__()
        self.axes, self.invert = config["axis"], config["invert"]
        self.mean, self.variance = mean, variance

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        mean = _along(self.mean, self.axes, x)
        deviation = _along(self.variance, self.axes, x).sqrt().clamp(min=LEAST_DEVIATION)
        return mean + x.float() * deviation if self.invert else (x.float() - mean) / deviation


def resize(x: Tensor, size: Sequence[int], mode: str, *, antialias: bool = False) -> Tensor:
    """Resize images; integer ones are rounded.

    Args:
        x: (B, C, H, W), any dtype.
        size: new height and width, in pixels.
        mode: Keras's name of an interpolation in `MODES`.
        antialias: whether to blur before shrinking, so that no pixel is skipped.

    Returns:
        (B, C, *size), of the dtype of `x`.
    """
    smooth = mode != "nearest"
    y = F.interpolate(
        x.float(),
        tuple(size),
        mode=MODES[mode],
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    )
    if not x.is_floating_point():
        y = (y.clamp(0, 255) if x.dtype == torch.uint8 else y).round()
    return y.to(x.dtype)


def crop_to_aspect_ratio(x: Tensor, height: int, width: int) -> Tensor:
    """Return a view of the largest central part of images with the aspect ratio of `height` to `width`."""
    full_height, full_width = x.shape[2:]
    rows = max(min(full_height, int(float(full_width * height) / width)), 1)
    columns = max(min(full_width, int(float(full_height * width) / height)), 1)
    return _central_part(x, rows, columns)


def _central_part(x: Tensor, rows: int, columns: int) -> Tensor:
    top, left = (x.shape[2] - rows) // 2, (x.shape[3] - columns) // 2
    return x[:, :, top : top + rows, left : left + columns]


def _along(value: Tensor, axes: Sequence[int], x: Tensor) -> Tensor:
    """Return `value` in a shape that broadcasts against `x`, along the last of Keras's `axes`."""
    shape = [1] * x.ndim
    axes = sorted(axis % x.ndim for axis in axes)
    for dimension, size in enumerate(reversed(value.shape), start=1):
        shape[axes[-dimension]] = size
    return to_torch(value.to(x.device).reshape(shape))


def _numbers(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _rescaling(config: Config, *_: Any) -> Operation | None:
    scale, offset = config["scale"], config["offset"]
    if all(isinstance(value, int | float) for value in (scale, offset)):
        return Rescaling(config)
    by_channel = all(_is_row_of_numbers(value) for value in (scale, offset))
    return RescalingOfChannels(config) if by_channel else None


def _is_row_of_numbers(value: Any) -> bool:
    row = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(number, int | float) for number in row)


def _normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    if config["mean"] is not None:
        return Standardization(config, _numbers(config["mean"]), _numbers(config["variance"]))
    return Standardization(config, *weights[:2]) if len(weights) == 3 else None


def _resizing(config: Config, *_: Any) -> Operation | None:
    size, mode, antialias = (config["height"], config["width"]), config["interpolation"], config["antialias"]
    cut: Callable[..., Tensor] = crop_to_aspect_ratio if config["crop_to_aspect_ratio"] else lambda x, *_: x
    if not is_channels_last(config) or mode not in MODES or config["pad_to_aspect_ratio"]:
        return None
    return FunctionOperation(lambda x: resize(cut(x, *size), size, mode, antialias=antialias))


def _center_crop(config: Config, *_: Any) -> Operation | None:
    size = (config["height"], config["width"])

    def crop(x: Tensor) -> Tensor:
        large_enough = all(full >= part for full, part in zip(x.shape[2:], size, strict=True))
        x = x.float()
        return (
            _central_part(x, *size)
            if large_enough
            else resize(crop_to_aspect_ratio(x, *size), size, "bilinear")
        )

    return FunctionOperation(crop) if is_channels_last(config) else None


RULES: dict[str, Rule] = {
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
}
