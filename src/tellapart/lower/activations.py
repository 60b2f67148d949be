"""Keras's activation functions in torch, by the name that Keras writes into a layer's config.

The formulas are those of `keras.activations` (Keras 3). A function that is not
here makes its layer run as itself.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lower.layout import torch_axis

Activation = Callable[[Tensor], Tensor]


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Softmax over Keras's `axis`, computed and returned in at least float32.

    Probabilities in bfloat16 would carry two digits; the loss needs their logarithm.
    """
    return torch.softmax(_at_least_float32(x), dim=torch_axis(axis, x.ndim))


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "tanh": torch.tanh,
    "sigmoid": lambda x: torch.sigmoid(_at_least_float32(x)),
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "exponential": torch.exp,
    "softmax": softmax,
    "log_softmax": lambda x: torch.log_softmax(_at_least_float32(x), dim=torch_axis(-1, x.ndim)),
}

OVERWRITING: dict[str, Activation] = {
    "relu": F.relu_,
    "relu6": lambda x: F.hardtanh_(x, 0.0, 6.0),
    "elu": F.elu_,
    "selu": F.selu_,
}
"""The same functions writing over their argument, whose backward pass needs only the result."""
