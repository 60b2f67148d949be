"""Dropout and noise layers: random in training, the identity otherwise.

The random numbers are those that the Keras layer would draw once `draw_as` has named it, which is how
`tellapart.fit` trains. Otherwise, as in recipes, only their distribution is Keras's, and within a micro-batch
(`lowering/microbatch.py`) they come from its own generator.

On CPUs torch draws a dropout mask one Bernoulli number at a time, which took a tenth of a step of the
tutorial's network. There the eight bytes of a 64-bit random number decide about eight units, or its four pairs
of bytes about four where the rate is not a multiple of 1/256.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.keras_internals import drops_by_torch
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.microbatch import current_micro_batch
from tellapart.lowering.ops.base import Config, Operation, Rule, is_channels_last
from tellapart.lowering.torch_masks import Order, keep_mask

Shape = Sequence[int | None]
"""The shape of noise, in Keras's order. None: as large as the tensor; 1: the same along the whole axis."""

SELU_FLOOR = -1.6732632423543772 * 1.0507009873554805
"""The limit of SELU at minus infinity, the value of units that AlphaDropout drops."""


class RandomOperation(Operation):
    """A random layer: draws fast numbers of its own, or the very numbers that its Keras layer would draw."""

    layer: Any = None
    """The Keras layer that draws; None: the fast numbers."""

    def draw_as(self, layer: Any) -> None:
        """Draw from now on what a Keras layer would draw, from the same generators.

        Most random layers have a seed of their own, which moves on at each call, so a batch is not divided.
        """
        object.__setattr__(self, "layer", layer)  # not a submodule
        self.couples_images = True

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if not training:
            return x
        return self.randomize(x) if self.layer is None else _of_all_images(self._as_keras, x)

    def _as_keras(self, x: Tensor) -> Tensor:
        return to_torch(self.layer.call(to_keras(x), training=True))

    def randomize(self, x: Tensor) -> Tensor:
        """Return the output in training, of fast random numbers."""
        raise NotImplementedError


class Dropout(RandomOperation):
    """Dropout: in training, zero with probability `rate` and scale the rest by 1 / (1 - rate)."""

    as_torch = False
    """Whether to draw the masks of `torch.nn.functional.dropout`."""

    order: Order | None = None
    """How the input lies in Keras's memory, which decides about those masks; None: as its axes come."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def draw_as(self, layer: Any) -> None:
        if not self.rate:  # draws nothing; attention without dropout has no layer that would
            return
        if drops_by_torch(layer):
            self.as_torch = True
        else:
            super().draw_as(layer)

    def randomize(self, x: Tensor) -> Tensor:
        return drop_as_torch(x, self.rate, self.order) if self.as_torch else drop(x, self.rate)


class DropoutInShape(RandomOperation):
    """Dropout of whole channels, images, or whatever shares one decision along some axes."""

    def __init__(self, rate: float, shape: Shape) -> None:
        super().__init__()
        self.rate, self.shape = rate, shape

    def randomize(self, x: Tensor) -> Tensor:
        return x * drop(_ones(x, self.shape), self.rate) if self.rate else x


class GaussianNoise(RandomOperation):
    """GaussianNoise: add normal noise of a given standard deviation."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def randomize(self, x: Tensor) -> Tensor:
        return x + self.deviation * _normal(x) if self.deviation else x


class GaussianDropout(RandomOperation):
    """GaussianDropout: multiply by normal noise around 1 with the variance of dropout's."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = math.sqrt(rate / (1 - rate))

    def randomize(self, x: Tensor) -> Tensor:
        return x * (1 + self.deviation * _normal(x)) if self.deviation else x


class AlphaDropout(RandomOperation):
    """AlphaDropout: dropout that preserves the mean and variance of SELU's outputs.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """

    def __init__(self, rate: float, shape: Shape | None) -> None:
        super().__init__()
        self.rate, self.shape = rate, shape
        self.scale = ((1 - rate) * (1 + rate * SELU_FLOOR**2)) ** -0.5 if rate < 1 else 0.0

    def randomize(self, x: Tensor) -> Tensor:
        if self.rate == 0:
            return x
        ones = torch.ones_like(x) if self.shape is None else _ones(x, self.shape)
        kept = drop(ones, self.rate) != 0
        return self.scale * (torch.where(kept, x, SELU_FLOOR) - SELU_FLOOR * self.rate)


class StochasticDepth(RandomOperation):
    """ConvNeXt's StochasticDepth: skip a whole branch for some images.

    Source: Huang et al. 2016, arXiv:1603.09382.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def randomize(self, x: Tensor) -> Tensor:
        return x * drop(_ones(x, (None,) + (1,) * (x.ndim - 1)), self.rate)


def drop_as_torch(x: Tensor, rate: float, order: Order | None) -> Tensor:
    """Return what `torch.nn.functional.dropout` makes of a tensor that lies in memory in `order`.

    A micro-batch takes its rows of the whole batch's mask.
    """
    if rate in (0, 1) or x.numel() == 0:
        return torch.zeros_like(x) if rate == 1 else x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    micro_batch = current_micro_batch()
    if micro_batch is None or micro_batch.masks is None:
        keep = keep_mask(x.shape, rate, order, x.dtype)
    else:
        whole = (micro_batch.masks.images, *x.shape[1:])
        index, rows = micro_batch.masks_taken, slice(micro_batch.first, micro_batch.first + len(x))
        keep = micro_batch.masks.take(index, lambda: keep_mask(whole, rate, order, x.dtype))[rows]
        micro_batch.masks_taken += 1
    images = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    memory = torch.channels_last if images else torch.contiguous_format
    scale = float(torch.ones((), dtype=x.dtype).div_(1 - rate))  # rounded as torch rounds it
    return x * keep.to(x.dtype, memory_format=memory).mul_(scale)


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
    micro_batch = current_micro_batch()
    shape, rows = _drawn_for(x)
    n = math.prod(shape)
    per_word = 8 if (rate * 256).is_integer() else 4
    words = torch.empty(-(-n // per_word), dtype=torch.int64)
    words.random_(-(2**63), None, generator=None if micro_batch is None else micro_batch.generator)
    if per_word == 8:
        keep = words.view(torch.uint8)[:n].ge_(round(rate * 2**8))
    else:
        keep = words.view(torch.int16)[:n].ge_(min(round(rate * 2**16), 2**16 - 1) - 2**15)
    dense = torch.empty_like(x)  # strides of a tensor without gaps
    return keep.as_strided(shape, dense.stride())[rows].to(x.dtype)


def _ones(x: Tensor, shape: Shape) -> Tensor:
    """Return ones of `shape`, which is in Keras's order, that broadcast against `x`."""
    in_order = [shape[axis] for axis in (0, 3, 1, 2)] if x.ndim == 4 else shape
    return x.new_ones([full if size is None else size for size, full in zip(in_order, x.shape, strict=True)])


def _normal(x: Tensor) -> Tensor:
    micro_batch = current_micro_batch()
    generator = None if micro_batch is None else micro_batch.generator
    shape, rows = _drawn_for(x)
    return torch.empty_strided(shape, torch.empty_like(x).stride(), dtype=x.dtype, device=x.device).normal_(
        generator=generator
    )[rows]


def _drawn_for(x: Tensor) -> tuple[tuple[int, ...], slice]:
    """Return the shape of the numbers to draw for a tensor, and which of its rows are those of the tensor.

    Where processes share a part of a batch, each draws for all of its images, with the images in order in memory.
    """
    micro_batch = current_micro_batch()
    images = None if micro_batch is None else micro_batch.images
    if micro_batch is None or images is None or x.ndim < 2 or torch.empty_like(x).stride(0) != x[0].numel():
        return tuple(x.shape), slice(None)
    return (images, *x.shape[1:]), slice(micro_batch.first, micro_batch.first + len(x))


def _of_all_images(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return what a layer that works on each image by itself makes of a tensor, with the random numbers that it would
    draw for all images of a part that processes share."""
    (images, *_), rows = _drawn_for(x)
    if images == len(x):
        return layer(x)
    before, after = rows.start, images - rows.stop
    return layer(torch.cat([x.new_zeros(before, *x.shape[1:]), x, x.new_zeros(after, *x.shape[1:])]))[rows]


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
