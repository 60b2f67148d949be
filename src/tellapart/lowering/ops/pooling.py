"""Pooling layers of images and sequences: in windows, global, and adaptive.

A new one is an operation (`FunctionOperation` where a function of torch does it all), its rule, and its line of
`RULES` at the end of this file. `sequence_rule` makes the rule of a 1D layer from that of the 2D one.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from tellapart.lowering.ops.base import (
    Config,
    FunctionOperation,
    Operation,
    Rule,
    SequenceOperation,
    is_channels_last,
    sequence_rule,
)
from tellapart.lowering.ops.convolution import pad_same


class MaxPooling2D(Operation):
    """MaxPooling2D; pads with minus infinity."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.strides = tuple(config["pool_size"]), tuple(config["strides"])
        self.padding = config["padding"]
        self.relu = False
        """Whether to apply ReLU to each maximum, which saves applying it to every pixel before (`fuse`)."""

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        padding = (0, 0)
        if self.padding == "same":
            x, padding = pad_same(x, self.size, self.strides, (1, 1), value=float("-inf"))
        x = F.max_pool2d(x, self.size, self.strides, padding)
        return F.relu_(x) if self.relu else x


class AveragePooling2D(Operation):
    """AveragePooling2D; padding does not count in the mean.

    Where the padding is uneven Keras's backends disagree: torch repeats the border, the others leave it
    out of the mean. Where it may be uneven, the layer runs as itself.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.strides = tuple(config["pool_size"]), tuple(config["strides"])
        self.padding = [size // 2 if config["padding"] == "same" else 0 for size in self.size]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return F.avg_pool2d(x, self.size, self.strides, self.padding, count_include_pad=False)


def _max_pooling(config: Config, *_: Any) -> Operation | None:
    return MaxPooling2D(config) if is_channels_last(config) else None


def _average_pooling(config: Config, *_: Any) -> Operation | None:
    pairs = zip(config["pool_size"], config["strides"], strict=True)
    evenly_padded = config["padding"] == "valid" or all(size % 2 == step == 1 for size, step in pairs)
    return AveragePooling2D(config) if is_channels_last(config) and evenly_padded else None


class _Mean(torch.autograd.Function):
    """`torch.mean` with a gradient that is one number for each channel, seen as a map, and not a map in memory.

    torch writes that map, and in another memory order than channels_last, so that adding it to another gradient of the
    same map (squeeze and excitation) took four fifths of the block's backward pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
        ctx.shape, ctx.axes, ctx.keep = x.shape, axes, keep
        return torch.mean(x, dim=axes, keepdim=keep)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        count = math.prod(ctx.shape[axis] for axis in ctx.axes)
        gradient = gradient / count
        if not ctx.keep:
            for axis in ctx.axes:
                gradient = gradient.unsqueeze(axis)
        return gradient.expand(ctx.shape), None, None


def mean(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    """Return the mean over `dim`, in ascending order."""
    return _Mean.apply(x, dim, keepdim) if x.device.type == "cpu" else torch.mean(x, dim=dim, keepdim=keepdim)


def _global_pooling(reduce: Callable[..., Tensor], axes: tuple[int, ...]) -> Rule:
    """Return the rule of a layer that reduces whole axes: (B, C, H, W) to (B, C), or (B, C, 1, 1) with `keepdims`."""

    def rule(config: Config, *_: Any) -> Operation | None:
        keep = config["keepdims"]
        return (
            FunctionOperation(lambda x: reduce(x, dim=axes, keepdim=keep))
            if is_channels_last(config)
            else None
        )

    return rule


def _adaptive_pooling(pool: Callable[..., Tensor]) -> Rule:
    """Return the rule of a layer that divides images into `output_size` windows."""

    def rule(config: Config, *_: Any) -> Operation | None:
        windows = tuple(config["output_size"])
        return FunctionOperation(lambda x: pool(x, windows)) if is_channels_last(config) else None

    return rule


def _adaptive_sequence_pooling(pool: Callable[..., Tensor]) -> Rule:
    rule = _adaptive_pooling(pool)

    def rule_of_sequences(config: Config, *rest: Any) -> Operation | None:
        windows = (1, *config["output_size"])
        operation = rule({**config, "output_size": windows}, *rest)
        return None if operation is None else SequenceOperation(operation)

    return rule_of_sequences


RULES: dict[str, Rule] = {
    "MaxPooling2D": _max_pooling,
    "MaxPooling1D": sequence_rule(_max_pooling),
    "AveragePooling2D": _average_pooling,
    "AveragePooling1D": sequence_rule(_average_pooling),
    "GlobalAveragePooling2D": _global_pooling(mean, (2, 3)),
    "GlobalAveragePooling1D": _global_pooling(mean, (1,)),
    "GlobalMaxPooling2D": _global_pooling(torch.amax, (2, 3)),
    "GlobalMaxPooling1D": _global_pooling(torch.amax, (1,)),
    "AdaptiveAveragePooling2D": _adaptive_pooling(F.adaptive_avg_pool2d),
    "AdaptiveAveragePooling1D": _adaptive_sequence_pooling(F.adaptive_avg_pool2d),
    "AdaptiveMaxPooling2D": _adaptive_pooling(F.adaptive_max_pool2d),
    "AdaptiveMaxPooling1D": _adaptive_sequence_pooling(F.adaptive_max_pool2d),
}
