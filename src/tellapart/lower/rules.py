"""Rules: which torch operation a Keras layer becomes.

A rule takes a layer's config and its weights *in Keras's own shapes and order*
and returns an `Operation`, or None where the config asks for something that the
operation does not do; the layer then runs as itself. The oracle is Keras:
forward in both modes, gradients and batch statistics.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lower.activations import ACTIVATIONS, softmax
from tellapart.lower.layout import to_keras, to_torch, torch_axis
from tellapart.lower.operations import (
    ActivationOperation,
    AveragePooling2D,
    BatchNormalization,
    Config,
    Convolution2D,
    Dense,
    DepthwiseConvolution2D,
    Dropout,
    Elementwise,
    MaxPooling2D,
    Operation,
    Rescaling,
)

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
