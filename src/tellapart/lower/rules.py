"""Rules: one small torch operation per Keras layer type.

A rule takes a layer's config and its weights *in Keras's own shapes and order*
and returns an `Operation`, or None where the config asks for something that the
operation does not do; the layer then runs as itself. The oracle is Keras:
forward in both modes, gradients and batch statistics.

Shapes below are those inside the lowered net: pictures are (B, C, H, W), see layout.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tellapart.lower.activations import ACTIVATIONS, OVERWRITING, softmax
from tellapart.lower.layout import to_keras, to_torch, torch_axis

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


Rule = Callable[[Config, Sequence[Tensor], torch.dtype], Operation | None]


def _channels_last(config: Config) -> bool:
    return config.get("data_format", "channels_last") == "channels_last"


def _convolution(operation: type[Convolution2D]) -> Rule:
    def rule(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        known = _channels_last(config) and config["activation"] in ACTIVATIONS
        return operation(config, weights, dtype) if known and config["padding"] != "causal" else None

    return rule


def _dense(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    known = config["activation"] in ACTIVATIONS and config.get("quantization_config") is None
    return Dense(config, weights, dtype) if known else None


def _batch_normalization(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation | None:
    over_channels = config["axis"] in (-1, 3) and not config.get("synchronized")
    return BatchNormalization(config, weights) if over_channels else None


def _max_pooling(config: Config, *_: Any) -> Operation | None:
    return MaxPooling2D(config) if _channels_last(config) else None


def _average_pooling(config: Config, *_: Any) -> Operation | None:
    known = _channels_last(config) and config["padding"] == "valid"
    return AveragePooling2D(config) if known else None


def _over_pixels(reduce: Callable[..., Tensor]) -> Rule:
    """Global pooling: (B, C, H, W) -> (B, C), or (B, C, 1, 1) with `keepdims`."""

    def rule(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        keep = config["keepdims"]
        return Elementwise(lambda x: reduce(x, dim=(2, 3), keepdim=keep)) if _channels_last(config) else None

    return rule


def _rescaling(config: Config, *_: Any) -> Operation | None:
    scalars = all(isinstance(config[name], int | float) for name in ("scale", "offset"))
    return Rescaling(config) if scalars else None


def _dropout(config: Config, *_: Any) -> Operation | None:
    return Dropout(config["rate"]) if config.get("noise_shape") is None else None


def _activation(config: Config, *_: Any) -> Operation | None:
    return ActivationOperation(config["activation"]) if config["activation"] in ACTIVATIONS else None


def _relu_layer(config: Config, *_: Any) -> Operation:
    ceiling, slope, threshold = config["max_value"], config["negative_slope"], config["threshold"]
    if ceiling is None and not slope and not threshold:
        return ActivationOperation("relu")

    def relu(x: Tensor) -> Tensor:
        low = slope * (x - threshold)
        high = x if ceiling is None else x.clamp(max=ceiling)
        return torch.where(x > threshold, high, low)

    return Elementwise(relu)


def _softmax_layer(config: Config, *_: Any) -> Operation | None:
    axis = config["axis"]
    return Elementwise(lambda x: softmax(x, axis)) if isinstance(axis, int) else None


def _flatten(config: Config, *_: Any) -> Operation | None:
    return Elementwise(lambda x: to_keras(x).flatten(1)) if _channels_last(config) else None


def _reshape(config: Config, *_: Any) -> Operation:
    shape = tuple(config["target_shape"])
    return Elementwise(lambda x: to_torch(to_keras(x).reshape(len(x), *shape)))


def _zero_padding(config: Config, *_: Any) -> Operation | None:
    (top, bottom), (left, right) = config["padding"]
    return Elementwise(lambda x: F.pad(x, (left, right, top, bottom))) if _channels_last(config) else None


def _concatenate(config: Config, *_: Any) -> Operation:
    axis = config["axis"]
    return Elementwise(lambda *inputs: torch.cat(inputs, dim=torch_axis(axis, inputs[0].ndim)))


def _merge(function: Callable[[Tensor, Tensor], Tensor]) -> Rule:
    def merge(*inputs: Tensor) -> Tensor:
        result = inputs[0]
        for other in inputs[1:]:
            result = function(result, other)
        return result

    return lambda *_: Elementwise(merge, fresh=function in (torch.add, torch.sub))


def _average(*_: Any) -> Operation:
    return Elementwise(lambda *inputs: sum(inputs[1:], inputs[0]) / len(inputs))


RULES: dict[str, Rule] = {
    "Conv2D": _convolution(Convolution2D),
    "DepthwiseConv2D": _convolution(DepthwiseConvolution2D),
    "Dense": _dense,
    "BatchNormalization": _batch_normalization,
    "MaxPooling2D": _max_pooling,
    "AveragePooling2D": _average_pooling,
    "GlobalAveragePooling2D": _over_pixels(torch.mean),
    "GlobalMaxPooling2D": _over_pixels(torch.amax),
    "Rescaling": _rescaling,
    "Dropout": _dropout,
    "Activation": _activation,
    "ReLU": _relu_layer,
    "Softmax": _softmax_layer,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "ZeroPadding2D": _zero_padding,
    "Concatenate": _concatenate,
    "Add": _merge(torch.add),
    "Subtract": _merge(torch.sub),
    "Multiply": _merge(torch.mul),
    "Maximum": _merge(torch.maximum),
    "Minimum": _merge(torch.minimum),
    "Average": _average,
    "Identity": lambda *_: Elementwise(lambda x: x),
}
"""Keras class name -> rule. Only Keras's own classes are looked up; a subclass runs as itself."""
