"""Normalization: by the batch, the channels, groups of channels, or length.

Statistics are float32 whatever the arithmetic of the layers around, as in Keras.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import image_to_sequence, sequence_to_image, to_keras, to_torch, torch_axis
from tellapart.lowering.microbatch import current_micro_batch
from tellapart.lowering.ops.base import Config, FunctionOperation, Operation, Rule, over_axes

LEAST_LENGTH = 1e-12
"""UnitNormalization divides by no less."""


class BatchNormalization(Operation):
    """BatchNormalization over the channels.

    Keras averages the *biased* batch variance into the moving one; torch's own
    running average takes the unbiased. So the averages are kept here.
    """

    overwritable = True
    couples_images = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        remaining = list(weights)
        self.gamma = remaining.pop(0) if config["scale"] else None
        self.beta = remaining.pop(0) if config["center"] else None
        self.moving_mean, self.moving_variance = remaining
        self.momentum, self.epsilon = config["momentum"], config["epsilon"]
        self.learns = config.get("trainable", True)

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if not (training and self.learns):  # a frozen layer keeps its statistics, as in Keras
            return F.batch_norm(
                x, self.moving_mean, self.moving_variance, self.gamma, self.beta, False, 0.0, self.epsilon
            )
        gamma = self.gamma
        if gamma is None and self.beta is None and x.dtype != torch.float32:
            gamma = torch.ones_like(self.moving_mean)  # so that torch keeps float32 statistics
        x, mean, inverse_deviation = torch.native_batch_norm(
            x, gamma, self.beta, None, None, True, 0.0, self.epsilon
        )
        part = current_micro_batch()
        if part is None:
            self._move(mean, inverse_deviation, 1 - self.momentum)
            return x
        share = 1 - self.momentum**part.share  # all parts together move as far as the whole batch would
        if (
            x.device.type == "cuda"
        ):  # parts run in order, and the next one's recorded run reuses this one's memory
            self._move(mean, inverse_deviation, share)
        else:
            part.afterward.append(partial(self._move, mean.detach(), inverse_deviation.detach(), share))
        return x

    @torch.no_grad()
    def _move(self, mean: Tensor, inverse_deviation: Tensor, share: float) -> None:
        variance = inverse_deviation.double().pow(-2).sub(self.epsilon).float()
        self.moving_mean.lerp_(mean.float(), share)
        self.moving_variance.lerp_(variance, share)


class BatchNormalizationOver(BatchNormalization):
    """BatchNormalization over any axis of a tensor of any rank."""

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__(config, weights)
        self.axis = config["axis"]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        normalized = super().forward(_channels_second(x, self.axis), training=training)
        return _channels_back(normalized, self.axis, x.ndim)


class LayerNormalization(Operation):
    """LayerNormalization over one or several of Keras's axes."""

    overwritable = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.axes, self.epsilon = _axes(config), config["epsilon"]
        remaining = list(weights)
        self.gamma = remaining.pop(0) if config["scale"] else None
        self.beta = remaining.pop(0) if config["center"] else None

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        def normalize(y: Tensor, shape: Sequence[int]) -> Tensor:
            return F.layer_norm(y, shape, self.gamma, self.beta, self.epsilon)

        return _with_axes_last(x, self.axes, normalize)


class RMSNormalization(Operation):
    """RMSNormalization: LayerNormalization that leaves the mean where it is.

    Source: Zhang and Sennrich 2019, arXiv:1910.07467.
    """

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.axes, self.epsilon = _axes(config), config["epsilon"]
        self.scale = weights[0]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        def normalize(y: Tensor, shape: Sequence[int]) -> Tensor:
            return F.rms_norm(y, shape, self.scale, self.epsilon)

        return _with_axes_last(x, self.axes, normalize)


class GroupNormalization(Operation):
    """GroupNormalization; -1 groups are as many as channels.

    Written out, because in torch 2.13 the backward pass of `F.group_norm` for channels_last
    memory fails where the layer has no scale, and crashes where its input needs no gradient.
    """

    overwritable = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.axis, self.groups, self.epsilon = config["axis"], config["groups"], config["epsilon"]
        remaining = list(weights)
        self.gamma = remaining.pop(0) if config["scale"] else None
        self.beta = remaining.pop(0) if config["center"] else None

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        y = _channels_second(x, self.axis).float()
        groups = y.shape[1] if self.groups == -1 else self.groups
        y = y.unflatten(1, (groups, -1))  # (B, G, C / G, ...)
        variance, mean = torch.var_mean(y, dim=tuple(range(2, y.ndim)), correction=0, keepdim=True)
        factor = (variance + self.epsilon).rsqrt()
        factor = factor if self.gamma is None else factor * _by_group(self.gamma, y)
        offset = -mean * factor
        offset = offset if self.beta is None else offset + _by_group(self.beta, y)
        y = torch.addcmul(offset, y, factor).flatten(1, 2)
        return _channels_back(y, self.axis, x.ndim).to(x.dtype)


def _by_group(weight: Tensor, y: Tensor) -> Tensor:
    """(C,) as a factor of (B, G, C / G, ...)."""
    return weight.reshape(*y.shape[1:3], *[1] * (y.ndim - 3))


def to_unit_length(x: Tensor, dims: Sequence[int], least: float) -> Tensor:
    """Divide by the Euclidean length over `dims`, or by `least` where it is shorter."""
    square_sum = x.square().sum(dim=tuple(dims), keepdim=True)
    return x * square_sum.rsqrt().clamp(max=1 / least)


def _channels_second(x: Tensor, axis: int) -> Tensor:
    """A view with Keras's `axis` at 1; a sequence becomes a picture, whose memory order torch knows."""
    if x.ndim == 3 and axis in (-1, 2):
        return sequence_to_image(x)
    return _moved(x, torch_axis(axis, x.ndim), 1)


def _channels_back(x: Tensor, axis: int, rank: int) -> Tensor:
    """Undo `_channels_second` of a tensor with `rank` dimensions."""
    if rank == 3 and axis in (-1, 2):
        return image_to_sequence(x)
    return _moved(x, 1, torch_axis(axis, rank))


def _moved(x: Tensor, origin: int, goal: int) -> Tensor:
    """`movedim`, and `x` itself where nothing moves: writing over a view costs its gradient two copies."""
    return x if origin == goal else x.movedim(origin, goal)


def _with_axes_last(
    x: Tensor, axes: Sequence[int], normalize: Callable[[Tensor, Sequence[int]], Tensor]
) -> Tensor:
    """Apply `normalize`, which works on the last axes, given their sizes, to Keras's `axes`."""
    last = tuple(range(-len(axes), 0))
    y = to_keras(x).float().movedim(tuple(axes), last)
    y = normalize(y, y.shape[-len(axes) :]).movedim(last, tuple(axes))
    return to_torch(y).to(x.dtype)


def _axes(config: Config) -> list[int]:
    axis = config["axis"]
    return [axis] if isinstance(axis, int) else sorted(axis)


def _one_signed(config: Config) -> bool:
    """Whether the axes' order is known without the tensor's rank."""
    return len({axis < 0 for axis in _axes(config)}) == 1


def _batch_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    return (
        None
        if config.get("synchronized") or config.get("renorm")
        else BatchNormalizationOver(config, weights)
    )


def _layer_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    known = _one_signed(config) and not config.get("rms_scaling")
    return over_axes(_axes(config), LayerNormalization(config, weights)) if known else None


def _rms_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    return over_axes(_axes(config), RMSNormalization(config, weights)) if _one_signed(config) else None


def _group_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation:
    return over_axes(config["axis"], GroupNormalization(config, weights))


def _unit_normalization(config: Config, *_: Any) -> Operation:
    axes = _axes(config)

    def normalize(x: Tensor) -> Tensor:
        return to_unit_length(x, [torch_axis(axis, x.ndim) for axis in axes], LEAST_LENGTH)

    return over_axes(axes, FunctionOperation(normalize))


RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "GroupNormalization": _group_normalization,
    "UnitNormalization": _unit_normalization,
}
