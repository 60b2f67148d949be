"""Operations: what a lowered net is made of, one small torch module per kind of layer.

An operation holds a layer's weights *in Keras's own shapes* and does Keras's
arithmetic on them. Pictures are (B, C, H, W) here, see layout.py.

Which layer becomes which operation is the rules' business.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tellapart.lower.activations import ACTIVATIONS, OVERWRITING
from tellapart.lower.layout import to_keras, to_torch

Config = Mapping[str, Any]


class Operation(nn.Module):
    """One layer of a lowered net. `forward(*inputs, training)` returns one tensor."""

    fresh = False
    """Whether the output is a new tensor that nothing keeps for its backward pass,
    so that an activation right behind may write over it."""


class Convolution2D(Operation):
    """Conv2D: kernel (kh, kw, C_in / groups, C_out)."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel = weights[0]
        self.bias = weights[1] if config["use_bias"] else None
        self.strides, self.dilation = tuple(config["strides"]), tuple(config["dilation_rate"])
        self.groups, self.padding = config["groups"], config["padding"]
        self.activation = config["activation"]
        self.fresh = self.activation == "linear"
        self.dtype = dtype

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        kernel = self.torch_kernel().to(self.dtype, memory_format=torch.channels_last)
        x, padding = x.to(self.dtype), (0, 0)
        if self.padding == "same":
            x, padding = pad_same(x, kernel.shape[2:], self.strides, self.dilation)
        within, apart = split_bias(self.bias, self.dtype)
        x = F.conv2d(x, kernel, within, self.strides, padding, self.dilation, self.groups)
        if apart is not None:
            x = x.add_(apart[:, None, None])
        return activate_over(self.activation, x)

    def torch_kernel(self) -> Tensor:
        """(C_out, C_in / groups, kh, kw), a view of Keras's kernel."""
        return self.kernel.permute(3, 2, 0, 1)


class DepthwiseConvolution2D(Convolution2D):
    """DepthwiseConv2D: kernel (kh, kw, C_in, multiplier), one group per input channel."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__({**config, "groups": weights[0].shape[2]}, weights, dtype)

    def torch_kernel(self) -> Tensor:
        """(C_in * multiplier, 1, kh, kw)."""
        height, width, channels, multiplier = self.kernel.shape
        return self.kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


class Dense(Operation):
    """Dense: kernel (in, out), over the last Keras axis."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel = weights[0]
        self.bias = weights[1] if config["use_bias"] else None
        self.activation = config["activation"]
        self.fresh = self.activation == "linear"
        self.dtype = dtype

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        within, apart = split_bias(self.bias, self.dtype)
        x = F.linear(to_keras(x).to(self.dtype), self.kernel.to(self.dtype).t(), within)
        if apart is not None:
            x = x.add_(apart)
        return activate_over(self.activation, to_torch(x))


class BatchNormalization(Operation):
    """BatchNormalization over the channels.

    Keras averages the *biased* batch variance into the moving one; torch's own
    running average takes the unbiased. So the averages are kept here.
    """

    fresh = True

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
        x, mean, inverse_deviation = torch.native_batch_norm(
            x, self.gamma, self.beta, None, None, True, 0.0, self.epsilon
        )
        with torch.no_grad():
            variance = inverse_deviation.double().pow(-2).sub(self.epsilon).float()
            self.moving_mean.lerp_(mean, 1 - self.momentum)
            self.moving_variance.lerp_(variance, 1 - self.momentum)
        return x


class MaxPooling2D(Operation):
    """MaxPooling2D, padding with minus infinity."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.strides = tuple(config["pool_size"]), tuple(config["strides"])
        self.padding = config["padding"]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if self.padding == "same":
            x, padding = pad_same(x, self.size, self.strides, (1, 1), value=float("-inf"))
            return F.max_pool2d(x, self.size, self.strides, padding)
        return F.max_pool2d(x, self.size, self.strides)


class AveragePooling2D(Operation):
    """AveragePooling2D with padding "valid".

    With "same", Keras's backends disagree (torch repeats the border where the padding is
    uneven, the others leave it out of the mean), so there the layer runs as itself.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.strides = tuple(config["pool_size"]), tuple(config["strides"])

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return F.avg_pool2d(x, self.size, self.strides)


class Rescaling(Operation):
    """Rescaling, always in float32: a pixel moved by half a pixel needs more than bfloat16's 8 bits."""

    fresh = True

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale, self.offset = float(config["scale"]), float(config["offset"])

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x = x.float() * self.scale
        return x + self.offset if self.offset else x


class Dropout(Operation):
    """Dropout: in training, zero with probability `rate` and scale the rest by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return F.dropout(x, self.rate, training)


class ActivationOperation(Operation):
    """An activation as a layer of its own. `overwrites` is set where the input may be written over."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.overwrites = False

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.name, x) if self.overwrites else ACTIVATIONS[self.name](x)


class Elementwise(Operation):
    """A layer that is one pure function of its inputs and has no weights."""

    def __init__(self, function: Callable[..., Tensor], *, fresh: bool = False) -> None:
        super().__init__()
        self.function = function
        self.fresh = fresh

    def forward(self, *inputs: Tensor, training: bool) -> Tensor:
        return self.function(*inputs)


def activate_over(name: str, x: Tensor) -> Tensor:
    """Apply an activation, writing over `x` where the backward pass allows."""
    return OVERWRITING.get(name, ACTIVATIONS[name])(x)


def split_bias(bias: Tensor | None, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
    """The bias to add within a product, and the bias to add after it; one of the two, or none.

    In float32 Keras adds the bias after, which rounds differently and sums the bias's
    gradient in another order. Done its way, training equals Keras's bit for bit. In
    lower precision no bit is to be matched, and within is faster.
    """
    if bias is None:
        return None, None
    return (None, bias) if dtype == torch.float32 else (bias.to(dtype), None)


def pad_same(
    x: Tensor,
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    value: float = 0.0,
) -> tuple[Tensor, tuple[int, int]]:
    """Padding "same" as Keras means it: where the total is odd, one more after the data.

    Args:
        x: (B, C, H, W).
        size: kernel height and width, in pixels.
        strides: vertical and horizontal step, in pixels.
        dilation: distance between kernel cells, in pixels.
        value: what to pad with.

    Returns:
        The tensor, padded where its two sides differ, and the symmetric padding
        (height, width) that is left for the operation itself.
    """
    totals = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(x.shape[2:], size, strides, dilation, strict=True)
    ]
    if all(total % 2 == 0 for total in totals):
        return x, (totals[0] // 2, totals[1] // 2)
    (top, bottom), (left, right) = [(total // 2, total - total // 2) for total in totals]
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)
