"""Normalization layers: over the batch, channels, groups of channels, or to unit length.

Statistics are float32 whatever the precision of the layers around, as in Keras.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import image_to_sequence, sequence_to_image, to_keras, to_torch, torch_axis
from tellapart.lowering.microbatch import MovingUpdate, current_micro_batch
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import Config, FunctionOperation, Operation, Rule, over_axes
from tellapart.lowering.ops.batch_statistics import as_rows_of_pixels, is_read_in_pieces, normalize_by_batch

LEAST_LENGTH = 1e-12
"""The least length that UnitNormalization divides by."""


class BatchNormalization(Operation):
    """BatchNormalization over one axis of a tensor of any rank.

    Keras averages the *biased* batch variance into the moving one; torch's own
    running average takes the unbiased. So the averages are updated here.
    """

    overwritable = True
    couples_images = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.gamma, self.beta, statistics = _scale_and_offset(config, weights)
        self.moving_mean, self.moving_variance = statistics
        self.momentum, self.epsilon, self.axis = config["momentum"], config["epsilon"], config["axis"]
        self.learns = config.get("trainable", True)
        self.activation = "linear"
        """What to apply to the result, one of `batch_statistics.ACTIVATIONS` (`fuse`)."""

        self.within_convolution = False
        """Whether the convolution before it normalizes its own result (`fuse`)."""

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return x if self.within_convolution else self.normalize(x, training=training)

    def normalize(self, x: Tensor, *, training: bool) -> Tensor:
        """Normalize and activate."""
        y = _channels_second(x, self.axis)
        if training and self.learns:
            y = self._by_batch_statistics(y)
        else:  # a frozen layer keeps its statistics, as in Keras
            y = F.batch_norm(
                y, self.moving_mean, self.moving_variance, self.gamma, self.beta, False, 0.0, self.epsilon
            )
            y = activate_over(self.activation, y)
        return _channels_back(y, self.axis, x.ndim)

    def _by_batch_statistics(self, x: Tensor) -> Tensor:
        """Normalize (B, C, ...) by its own statistics, apply the activation, and update the moving statistics."""
        micro_batch = current_micro_batch()
        sharers = None if micro_batch is None else micro_batch.sharers
        if sharers is not None or is_read_in_pieces(x):
            x = x if sharers is None else as_rows_of_pixels(x)
            y, mean, variance = normalize_by_batch(
                x, self.gamma, self.beta, self.epsilon, self.activation, sharers
            )
        else:
            y, mean, variance = self._by_torch(x)
        if micro_batch is None:
            self._update(mean, variance, 1 - self.momentum)
            return y
        weight = 1 - self.momentum**micro_batch.share  # all parts together move as far as the whole batch
        if x.device.type == "cuda" and micro_batch.images is None:
            # Parts run in order, and the next part's graph reuses this one's memory.
            self._update(mean, variance, weight)
        else:
            update = MovingUpdate(self._update, mean.detach(), variance.detach(), weight)
            micro_batch.afterward.append(update)
        return y

    def factor_and_offset(self) -> tuple[Tensor, Tensor]:
        """Return what the moving statistics come to for each channel: (C,) both, computed in float64."""
        factor = (self.moving_variance.double() + self.epsilon).rsqrt()
        if self.gamma is not None:
            factor = factor * self.gamma.double()
        offset = -self.moving_mean.double() * factor
        if self.beta is not None:
            offset = offset + self.beta.double()
        return factor.detach().float(), offset.detach().float()

    def _by_torch(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result, the mean and the biased variance, by torch's own kernel."""
        gamma = self.gamma
        if gamma is None and self.beta is None and x.dtype != torch.float32:
            gamma = torch.ones_like(self.moving_mean)  # so that torch keeps float32 statistics
        y, mean, inverse_deviation = torch.native_batch_norm(
            x, gamma, self.beta, None, None, True, 0.0, self.epsilon
        )
        variance = inverse_deviation.detach().double().pow(-2).sub(self.epsilon)
        return activate_over(self.activation, y), mean, variance

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, weight: float) -> None:
        self.moving_mean.lerp_(mean.float(), weight)
        self.moving_variance.lerp_(variance.float(), weight)


class LayerNormalization(Operation):
    """LayerNormalization over one or several of Keras's axes."""

    overwritable = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.axes, self.epsilon = _axes(config), config["epsilon"]
        self.gamma, self.beta, _ = _scale_and_offset(config, weights)

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        def normalize(y: Tensor, shape: Sequence[int]) -> Tensor:
            return F.layer_norm(y, shape, self.gamma, self.beta, self.epsilon)

        return _with_axes_last(x, self.axes, normalize)


class RMSNormalization(Operation):
    """RMSNormalization: LayerNormalization without subtracting the mean.

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
    """GroupNormalization; groups=-1 means one group for each channel.

    Written out, because in torch 2.13 the backward pass of `F.group_norm` for channels_last
    memory fails where the layer has no scale, and crashes where its input needs no gradient.
    """

    overwritable = True

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.axis, self.groups, self.epsilon = config["axis"], config["groups"], config["epsilon"]
        self.gamma, self.beta, _ = _scale_and_offset(config, weights)

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


def _scale_and_offset(
    config: Config, weights: Sequence[Tensor]
) -> tuple[Tensor | None, Tensor | None, list[Tensor]]:
    """Return gamma and beta, None where the layer has none, and the remaining weights."""
    remaining = list(weights)
    gamma = remaining.pop(0) if config["scale"] else None
    beta = remaining.pop(0) if config["center"] else None
    return gamma, beta, remaining


def _by_group(weight: Tensor, y: Tensor) -> Tensor:
    """Return (C,) in a shape that broadcasts against `y`, (B, G, C / G, ...)."""
    return weight.reshape(*y.shape[1:3], *[1] * (y.ndim - 3))


def to_unit_length(x: Tensor, dims: Sequence[int], least: float) -> Tensor:
    """Divide by the Euclidean length over `dims`, but not by less than `least`."""
    square_sum = x.square().sum(dim=tuple(dims), keepdim=True)
    return x * square_sum.rsqrt().clamp(max=1 / least)


def _channels_second(x: Tensor, axis: int) -> Tensor:
    """Return a view with Keras's `axis` at 1. A sequence becomes an image, whose memory order torch supports."""
    if x.ndim == 3 and axis in (-1, 2):
        return sequence_to_image(x)
    return _move_axis(x, torch_axis(axis, x.ndim), 1)


def _channels_back(x: Tensor, axis: int, rank: int) -> Tensor:
    """Undo `_channels_second` of a tensor with `rank` dimensions."""
    if rank == 3 and axis in (-1, 2):
        return image_to_sequence(x)
    return _move_axis(x, 1, torch_axis(axis, rank))


def _move_axis(x: Tensor, origin: int, goal: int) -> Tensor:
    """Return `x.movedim`, or `x` itself where nothing moves: overwriting a view costs its gradient two copies."""
    return x if origin == goal else x.movedim(origin, goal)


def _with_axes_last(
    x: Tensor, axes: Sequence[int], normalize: Callable[[Tensor, Sequence[int]], Tensor]
) -> Tensor:
    """Apply `normalize(tensor, sizes of its last axes)`, in float32, to Keras's `axes`."""
    last = tuple(range(-len(axes), 0))
    y = to_keras(x).float().movedim(tuple(axes), last)
    y = normalize(y, y.shape[-len(axes) :]).movedim(last, tuple(axes))
    return to_torch(y).to(x.dtype)


def _axes(config: Config) -> list[int]:
    axis = config["axis"]
    return [axis] if isinstance(axis, int) else sorted(axis)


def _one_signed(config: Config) -> bool:
    """Return whether the order of the axes is known without the tensor's rank."""
    return len({axis < 0 for axis in _axes(config)}) == 1


def _batch_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    supported = not config.get("synchronized") and not config.get("renorm")
    return BatchNormalization(config, weights) if supported else None


def _layer_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    supported = _one_signed(config) and not config.get("rms_scaling")
    return over_axes(_axes(config), LayerNormalization(config, weights)) if supported else None


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
