"""Noise: what layers add, multiply or drop in training, and leave alone otherwise.

The numbers are not Keras's, their distribution is. Within a part of a batch
(slice.py) they come from that part's generator.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.microbatch import current_slice
from tellapart.lowering.ops.base import Config, Dropout, Operation
from tellapart.lowering.ops.dropout_masks import drop
from tellapart.lowering.ops.rule import Rule, channels_last

Shape = Sequence[int | None]
"""Of noise, in Keras's order; None: as large as the tensor, 1: the same for all."""

SELU_FLOOR = -1.6732632423543772 * 1.0507009873554805
"""What SELU goes to at minus infinity; AlphaDropout drops to it."""


class DropoutInShape(Operation):
    """Dropout that decides once for all elements along some axes: whole channels, or whole pictures."""

    def __init__(self, rate: float, shape: Shape) -> None:
        super().__init__()
        self.rate, self.shape = rate, shape

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if not training or self.rate == 0:
            return x
        return x * drop(_ones(x, self.shape), self.rate)


class GaussianNoise(Operation):
    """GaussianNoise: add normal noise of a given standard deviation."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x + self.deviation * _normal(x) if training and self.deviation else x


class GaussianDropout(Operation):
    """GaussianDropout: multiply by normal noise around 1 that varies as dropout's does."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = math.sqrt(rate / (1 - rate))

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x * (1 + self.deviation * _normal(x)) if training and self.deviation else x


class AlphaDropout(Operation):
    """AlphaDropout: dropout that keeps the mean and variance of what SELU gives.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    def __init__(self, rate: float, shape: Shape | None) -> None:
        super().__init__()
        self.rate, self.shape = rate, shape
        self.scale = ((1 - rate) * (1 + rate * SELU_FLOOR**2)) ** -0.5 if rate < 1 else 0.0

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if not training or self.rate == 0:
            return x
        ones = torch.ones_like(x) if self.shape is None else _ones(x, self.shape)
        kept = drop(ones, self.rate) != 0
        return self.scale * (torch.where(kept, x, SELU_FLOOR) - SELU_FLOOR * self.rate)


class StochasticDepth(Operation):
    """ConvNeXt's StochasticDepth: leave a whole branch out for some pictures.

    Source: Huang et al. 2016, arXiv:1603.09382.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x * drop(_ones(x, (None,) + (1,) * (x.ndim - 1)), self.rate) if training else x


def _ones(x: Tensor, shape: Shape) -> Tensor:
    """Ones that `x` can be multiplied by, of `shape` in Keras's order."""
    in_order = [shape[axis] for axis in (0, 3, 1, 2)] if x.ndim == 4 else shape
    return x.new_ones([full if size is None else size for size, full in zip(in_order, x.shape, strict=True)])


def _normal(x: Tensor) -> Tensor:
    part = current_slice()
    generator = None if part is None else part.generator
    return torch.empty_like(x).normal_(generator=generator)


def _dropout(config: Config, *_: Any) -> Operation:
    shape = config.get("noise_shape")
    return Dropout(config["rate"]) if shape is None else DropoutInShape(config["rate"], tuple(shape))


def _spatial_dropout(shape: Shape) -> Rule:
    return lambda config, *_: DropoutInShape(config["rate"], shape) if channels_last(config) else None


def _gaussian_dropout(config: Config, *_: Any) -> Operation | None:
    return GaussianDropout(config["rate"]) if config["rate"] < 1 else None


def _alpha_dropout(config: Config, *_: Any) -> Operation | None:
    shape = config.get("noise_shape")
    return AlphaDropout(config["rate"], shape and tuple(shape)) if config["rate"] < 1 else None


RULES: dict[str, Rule] = {
    "Dropout": _dropout,
    "SpatialDropout1D": _spatial_dropout((None, 1, None)),
    "SpatialDropout2D": _spatial_dropout((None, 1, 1, None)),
    "GaussianNoise": lambda config, *_: GaussianNoise(config["stddev"]),
    "GaussianDropout": _gaussian_dropout,
    "AlphaDropout": _alpha_dropout,
    "StochasticDepth": lambda config, *_: StochasticDepth(config["drop_path_rate"]),
}
