"""Activation layers: an activation as a layer, perhaps with parameters or weights."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_torch, torch_axis
from tellapart.lowering.ops.activations import ACTIVATIONS, Activation, activate_over, softmax
from tellapart.lowering.ops.base import (
    Config,
    FunctionOperation,
    Operation,
    Rule,
    has_known_activation,
    over_axes,
)


class ActivationOperation(Operation):
    """An activation by its name in `ACTIVATIONS`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.overwrites = False
        """Whether to write over the input, where nothing else needs it (`fuse`)."""

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.name, x) if self.overwrites else ACTIVATIONS[self.name](x)


class ParametricActivation(ActivationOperation):
    """An activation with parameters: a function, and its form that writes over its argument."""

    def __init__(self, function: Activation, overwriting: Activation) -> None:
        super().__init__("linear")
        self.function, self.overwriting = function, overwriting

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return self.overwriting(x) if self.overwrites else self.function(x)


class PReLU(Operation):
    """PReLU: alpha, the slope below zero, has the input's shape, with 1 along axes that share it."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.alpha = weights[0]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        alpha = to_torch(self.alpha.unsqueeze(0)).to(x.dtype)
        return F.relu(x) - alpha * F.relu(-x)


def _activation(config: Config, *_: Any) -> Operation | None:
    return ActivationOperation(config["activation"]) if has_known_activation(config) else None


def _relu(config: Config, *_: Any) -> Operation:
    ceiling, slope, threshold = config["max_value"], config["negative_slope"], config["threshold"]
    if slope or threshold:
        return _bent_relu(ceiling, slope, threshold)
    if ceiling is None:
        return ActivationOperation("relu")
    if ceiling == 6:
        return ActivationOperation("relu6")
    return ParametricActivation(lambda x: F.hardtanh(x, 0.0, ceiling), lambda x: F.hardtanh_(x, 0.0, ceiling))


def _bent_relu(ceiling: float | None, slope: float, threshold: float) -> Operation:
    if ceiling is None and not threshold:
        return ParametricActivation(lambda x: F.leaky_relu(x, slope), lambda x: F.leaky_relu_(x, slope))

    def relu(x: Tensor) -> Tensor:
        high = x if ceiling is None else x.clamp(max=ceiling)
        return torch.where(x > threshold, high, slope * (x - threshold))

    return FunctionOperation(relu)


def _leaky_relu(config: Config, *_: Any) -> Operation:
    return _bent_relu(None, config["negative_slope"], 0.0)


def _elu(config: Config, *_: Any) -> Operation | None:
    alpha = config.get("alpha")
    return (
        None if alpha is None else ParametricActivation(lambda x: F.elu(x, alpha), lambda x: F.elu_(x, alpha))
    )


def _prelu(config: Config, weights: Sequence[Tensor], _: torch.dtype) -> Operation:
    return PReLU(weights)


def _softmax(config: Config, *_: Any) -> Operation:
    axis = config["axis"]
    if isinstance(axis, int):
        return over_axes(axis, FunctionOperation(lambda x: softmax(x, axis)))

    def softmax_over_axes(x: Tensor) -> Tensor:
        x, axes = x.float(), [torch_axis(single, x.ndim) for single in axis]
        return torch.exp(x - torch.logsumexp(x, dim=axes, keepdim=True))

    return over_axes(axis, FunctionOperation(softmax_over_axes))


RULES: dict[str, Rule] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "PReLU": _prelu,
    "Softmax": _softmax,
}
