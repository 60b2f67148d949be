"""Shaping layers: reorder, repeat, crop, or pad with zeros; nothing is computed but by UpSampling2D."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import image_to_sequence, sequence_to_image, to_keras, to_torch
from tellapart.lowering.ops.base import (
    Config,
    FunctionOperation,
    Operation,
    Rule,
    function_rule,
    is_channels_last,
)

ENLARGEMENTS = ("bilinear", "bicubic")
"""Interpolations other than "nearest" that Keras leaves to torch."""


def pad_or_crop(x: Tensor, sides: Sequence[Sequence[int]]) -> Tensor:
    """Pad images with zeros by ((top, bottom), (left, right)) pixels; negative numbers crop."""
    (top, bottom), (left, right) = sides
    return F.pad(x, (left, right, top, bottom))


class Padding(FunctionOperation):
    """ZeroPadding2D, by ((top, bottom), (left, right)) pixels; Cropping2D, by negative ones."""

    def __init__(self, sides: Sequence[Sequence[int]]) -> None:
        super().__init__(lambda x: pad_or_crop(x, sides))
        (top, bottom), (left, right) = sides
        self.sides = ((top, bottom), (left, right))


def flatten(x: Tensor) -> Tensor:
    """Flatten (B, ...) to (B, n) in Keras's order; (B,) becomes (B, 1)."""
    return x.unsqueeze(1) if x.ndim == 1 else to_keras(x).flatten(1)


def _flatten(config: Config, *_: Any) -> Operation | None:
    return FunctionOperation(flatten) if is_channels_last(config) else None


def _reshape(config: Config, *_: Any) -> Operation:
    shape = [-1 if size is None else size for size in config["target_shape"]]
    known = abs(prod(shape))  # without the -1

    def reshaped(x: Tensor) -> Tensor:
        open_side = prod(x.shape[1:]) // max(known, 1)  # torch cannot tell it for a batch without images
        return to_torch(
            to_keras(x).reshape(x.shape[0], *[open_side if side == -1 else side for side in shape])
        )

    return FunctionOperation(reshaped)


def _permute(config: Config, *_: Any) -> Operation:
    order = (0, *config["dims"])
    return FunctionOperation(lambda x: to_torch(to_keras(x).permute(order).contiguous()))


def _repeat_vector(config: Config, *_: Any) -> Operation:
    count = config["n"]
    return FunctionOperation(lambda x: x.unsqueeze(1).repeat(1, count, 1))


def _padding(name: str, sign: int) -> Rule:
    def rule(config: Config, *_: Any) -> Operation | None:
        sides = [[sign * pixels for pixels in pair] for pair in config[name]]
        return Padding(sides) if is_channels_last(config) else None

    return rule


def _sequence_padding(name: str, sign: int) -> Rule:
    def rule(config: Config, *_: Any) -> Operation | None:
        sides = [[0, 0], [sign * steps for steps in config[name]]]

        def pad(x: Tensor) -> Tensor:
            return image_to_sequence(pad_or_crop(sequence_to_image(x), sides))

        return FunctionOperation(pad) if is_channels_last(config) else None

    return rule


def _sequence_up_sampling(config: Config, *_: Any) -> Operation:
    factor = config["size"]
    return FunctionOperation(lambda x: x.repeat_interleave(factor, dim=1))


def _up_sampling(config: Config, *_: Any) -> Operation | None:
    vertical, horizontal = config["size"]
    mode = config["interpolation"]
    if not is_channels_last(config):
        return None
    if mode == "nearest":
        factors = (float(vertical), float(horizontal))
        return FunctionOperation(lambda x: F.interpolate(x, scale_factor=factors, mode="nearest"))

    def enlarge(x: Tensor) -> Tensor:
        size = (x.shape[2] * vertical, x.shape[3] * horizontal)
        return F.interpolate(x.float(), size, mode=mode, align_corners=False).to(x.dtype)

    return FunctionOperation(enlarge) if mode in ENLARGEMENTS else None


RULES: dict[str, Rule] = {
    "Identity": function_rule(lambda x: x),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "ZeroPadding2D": _padding("padding", 1),
    "ZeroPadding1D": _sequence_padding("padding", 1),
    "Cropping2D": _padding("cropping", -1),
    "Cropping1D": _sequence_padding("cropping", -1),
    "UpSampling2D": _up_sampling,
    "UpSampling1D": _sequence_up_sampling,
}
