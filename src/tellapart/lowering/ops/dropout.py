"""Dropout and noise layers: random in training, the identity otherwise.

The random numbers are not Keras's, their distribution is. Within a micro-batch (`lowering/microbatch.py`)
they come from its own generator.

On CPUs torch draws a dropout mask one Bernoulli number at a time, which took a tenth of a step of the
tutorial's network. Here the eight bytes of a 64-bit random number decide about eight units, or its four pairs
of bytes about four where the rate is not a multiple of 1/256.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.microbatch import current_micro_batch
from tellapart.lowering.ops.base import Config, Operation, Rule, is_channels_last

Shape = Sequence[int | None]
"""The shape of noise, in Keras's order. None: as large as the tensor; 1: the same along the whole axis."""

SELU_FLOOR = -1.6732632423543772 * 1.0507009873554805
"""The limit of SELU at minus infinity, the value of units that AlphaDropout drops."""


class Dropout(Operation):
    """Dropout: in training, zero with probability `rate` and scale the rest by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return drop(x, self.rate) if training else x


class DropoutInShape(Operation):
    """Dropout of whole channels, images, or whatever shares one decision along some axes."""

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
    """GaussianDropout: multiply by normal noise around 1 with the variance of dropout's."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = math.sqrt(rate / (1 - rate))

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x * (1 + self.deviation * _normal(x)) if training and self.deviation else x


class AlphaDropout(Operation):
    """AlphaDropout: dropout that preserves the mean and variance of SELU's outputs.

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
    """ConvNeXt's StochasticDepth: skip a whole branch for some images.

    Source: Huang et al. 2016, arXiv:1603.09382.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x * drop(_ones(x, (None,) + (1,) * (x.ndim - 1)), self.rate) if training else x


def drop(x: Tensor, rate: float) -> Tensor:
    """Zero each element with probability `rate` and scale the rest by 1 / (1 - rate).

    The probability is exact where `rate` is a multiple of 1/256, else within 2^-16 of it.
    Source: Srivastava et al. 2014.
    """
    if rate == 0 or x.numel() == 0:
        return x
    if rate >= 1 or x.device.type != "cpu":
        return F.dropout(x, rate)
    return x * random_keep(x, rate).mul_(1 / (1 - rate))


def random_keep(x: Tensor, rate: float) -> Tensor:
    """Return a random mask with the shape, dtype and memory order of `x`: 0 with probability `rate`, else 1.

    The comparison is in place: making booleans, and multiplying by them, is up to ten times slower on CPUs
    than with bytes (230,400 units, two threads: 0.18 and 0.013 ms to compare, 0.38 and 0.08 to multiply).
    """
    micro_batch, n = current_micro_batch(), x.numel()
    per_word = 8 if (rate * 256).is_integer() else 4
    words = torch.empty(-(-n // per_word), dtype=torch.int64)
    words.random_(-(2**63), None, generator=None if micro_batch is None else micro_batch.generator)
    if per_word == 8:
        keep = words.view(torch.uint8)[:n].ge_(round(rate * 2**8))
    else:
        keep = words.view(torch.int16)[:n].ge_(min(round(rate * 2**16), 2**16 - 1) - 2**15)
    dense = torch.empty_like(x)  # strides of a tensor without gaps
    return keep.to(x.dtype).as_strided(x.shape, dense.stride())


def _ones(x: Tensor, shape: Shape) -> Tensor:
    """Return ones of `shape`, which is in Keras's order, that broadcast against `x`."""
    in_order = [shape[axis] for axis in (0, 3, 1, 2)] if x.ndim == 4 else shape
    return x.new_ones([full if size is None else size for size, full in zip(in_order, x.shape, strict=True)])


def _normal(x: Tensor) -> Tensor:
    micro_batch = current_micro_batch()
    generator = None if micro_batch is None else micro_batch.generator
    return torch.empty_like(x).normal_(generator=generator)


def _dropout(config: Config, *_: Any) -> Operation:
    shape = config.get("noise_shape")
    return Dropout(config["rate"]) if shape is None else DropoutInShape(config["rate"], tuple(shape))


def _spatial_dropout(shape: Shape) -> Rule:
    return lambda config, *_: DropoutInShape(config["rate"], shape) if is_channels_last(config) else None


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
