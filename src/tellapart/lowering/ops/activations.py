"""Keras's activation functions in torch, by their names in a layer's config.

The formulas are those of `keras.activations` (Keras 3). A layer whose activation is missing here runs as itself.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import torch_axis

Activation = Callable[[Tensor], Tensor]


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return the softmax over Keras's `axis`, in at least float32.

    In bfloat16 probabilities would have two digits, too few for the loss, which takes their logarithm.
    """
    return torch.softmax(_at_least_float32(x), dim=torch_axis(axis, x.ndim))


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def glu(x: Tensor) -> Tensor:
    """Multiply the first half of Keras's last axis by the sigmoid of the second."""
    return F.glu(x, dim=torch_axis(-1, x.ndim))


def sparse_plus(x: Tensor) -> Tensor:
    """Return 0 up to -1, x from 1, and a parabola between: a softplus that reaches zero."""
    return torch.where(x <= -1, 0, torch.where(x < 1, (x + 1).square() / 4, x))


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return the logarithm of the softmax over Keras's `axis`, in at least float32."""
    return torch.log_softmax(_at_least_float32(x), dim=torch_axis(axis, x.ndim))


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """Return sparsemax over Keras's `axis`, as Keras computes it.

    Martins and Astudillo 2016 (arXiv:1602.02068) use the last of the partial sums that they keep;
    Keras 3.15 adds all of them up, so its results do not sum to 1.
    """
    x, dim = _at_least_float32(x), torch_axis(axis, x.ndim)
    descending = x.sort(dim=dim, descending=True).values
    ranks = torch.arange(1, x.shape[dim] + 1, dtype=x.dtype, device=x.device)
    ranks = ranks.reshape([-1 if axis == dim else 1 for axis in range(x.ndim)])
    sums = descending.cumsum(dim)
    kept = descending > (sums - 1) / ranks
    threshold = ((sums * kept).sum(dim, keepdim=True) - 1) / kept.sum(dim, keepdim=True)
    return (x - threshold).clamp(min=0)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "glu": glu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "sparse_plus": sparse_plus,
    "squareplus": lambda x: (x + (x.square() + 4).sqrt()) / 2,
    "softsign": F.softsign,
    "tanh": torch.tanh,
    "tanh_shrink": F.tanhshrink,
    "hard_tanh": F.hardtanh,
    "soft_shrink": F.softshrink,
    "hard_shrink": F.hardshrink,
    "sigmoid": lambda x: torch.sigmoid(_at_least_float32(x)),
    "log_sigmoid": lambda x: F.logsigmoid(_at_least_float32(x)),
    "hard_sigmoid": F.hardsigmoid,
    "sparse_sigmoid": lambda x: F.hardtanh(0.5 * (x + 1), 0.0, 1.0),
    "hard_silu": F.hardswish,
    "exponential": torch.exp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
}
"""Every activation without parameters: all of Keras's but `threshold`, which has two.

The name "gelu_tanh" is ours, for `keras.ops.gelu`, which approximates where `keras.activations.gelu` does not.
"""

OVERWRITING: dict[str, Activation] = {
    "relu": F.relu_,
    "relu6": lambda x: F.hardtanh_(x, 0.0, 6.0),
    "leaky_relu": lambda x: F.leaky_relu_(x, 0.2),
    "elu": F.elu_,
    "selu": F.selu_,
    "celu": torch.celu_,
    "tanh": torch.tanh_,
    "exponential": torch.exp_,
}
"""In-place forms, for functions whose backward pass needs only the result."""


def activate_over(name: str, x: Tensor) -> Tensor:
    """Apply an activation, writing over `x` where the backward pass allows it."""
    return OVERWRITING.get(name, ACTIVATIONS[name])(x)
