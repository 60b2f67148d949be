"""Operations: what a lowered net is made of, one small torch module per kind of layer.

An operation holds a layer's weights *in Keras's own shapes* and does Keras's
arithmetic on them. Pictures are (B, C, H, W) here, see layout.py.

In float32 Keras adds a bias after the product, which rounds differently and sums the bias's
gradient in another order. Done its way, training equals Keras's bit for bit. In lower
precision no bit is to be matched, and adding within the product is faster.

Which layer becomes which operation is the rules' business.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.microbatch import current_slice
from tellapart.lowering.ops.activations import ACTIVATIONS, OVERWRITING
from tellapart.lowering.ops.convolution_bf16 import convolve
from tellapart.lowering.ops.dropout_masks import drop

Config = Mapping[str, Any]


class ReadyWeight(NamedTuple):
    """A weight cast for the arithmetic once a step, instead of at every use."""

    master: Tensor
    """Keras's own, float32."""

    laid_out: Tensor
    """A view of it in the arithmetic's layout."""

    value: Tensor
    """`laid_out` in the arithmetic's dtype: the leaf that gradients are taken of."""

    def gradient_of_master(self, gradient: Tensor) -> Tensor:
        """What a gradient of `value` is for `master`: the layout undone, the dtype kept."""
        if self.laid_out is self.master:
            return gradient
        return torch.autograd.grad(self.laid_out, self.master, gradient)[0]


class Operation(nn.Module):
    """One layer of a lowered net. `forward(*inputs, training)` returns one tensor."""

    fresh = False
    """Whether the output is a new tensor that nothing keeps for its backward pass,
    so that an activation right behind may write over it."""

    couples_pictures = False
    """Whether, in training, what one picture gives depends on the others of its batch."""

    dtype: torch.dtype = torch.float32
    """Of the arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self._ready: dict[str, Tensor] = {}

    def laid_out(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Weights that are cast before use: name -> (Keras's tensor, a view in the arithmetic's layout)."""
        return {}

    def make_ready(self, trainable: Container[int]) -> list[ReadyWeight]:
        """Cast the weights once, for every use until `forget_ready`; nothing to do in float32.

        Args:
            trainable: ids of the tensors that gradients are wanted of.
        """
        if self.dtype == torch.float32:
            return []
        made = []
        for name, (master, view) in self.laid_out().items():
            value = _cast(view.detach(), self.dtype).requires_grad_(id(master) in trainable)
            self._ready[name] = value
            made.append(ReadyWeight(master, view, value))
        return made

    def forget_ready(self) -> None:
        """From here on, cast at every use."""
        self._ready = {}

    def cast(self, name: str) -> Tensor:
        """A weight of `laid_out` in the arithmetic's dtype."""
        ready = self._ready.get(name)
        return _cast(self.laid_out()[name][1], self.dtype) if ready is None else ready


def _cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    memory = torch.channels_last if weight.ndim == 4 else torch.preserve_format
    return weight.to(dtype, memory_format=memory)


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

    def laid_out(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {"kernel": (self.kernel, self.torch_kernel())}
        return weights if self.bias is None else weights | {"bias": (self.bias, self.bias)}

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        kernel, x, padding = self.cast("kernel"), x.to(self.dtype), (0, 0)
        if self.padding == "same":
            x, padding = pad_same(x, kernel.shape[2:], self.strides, self.dilation)
        if self.dtype != torch.float32:
            bias = None if self.bias is None else self.cast("bias")
            relu = self.activation == "relu"
            x = convolve(x, kernel, bias, self.strides, padding, self.dilation, self.groups, relu=relu)
            return x if relu else activate_over(self.activation, x)
        x = F.conv2d(x, kernel, None, self.strides, padding, self.dilation, self.groups)
        return activate_over(self.activation, x if self.bias is None else x.add_(self.bias[:, None, None]))

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

    def laid_out(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {"kernel": (self.kernel, self.kernel)}
        return weights if self.bias is None else weights | {"bias": (self.bias, self.bias)}

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.activation, to_torch(self.before_activation(to_keras(x))))

    def before_activation(self, x: Tensor) -> Tensor:
        """The product and the bias, Keras's layout in and out."""
        x, kernel = x.to(self.dtype), self.cast("kernel")
        if self.dtype != torch.float32:
            return F.linear(x, kernel.t(), None if self.bias is None else self.cast("bias"))
        x = F.linear(x, kernel.t())
        return x if self.bias is None else x.add_(self.bias)


class BatchNormalization(Operation):
    """BatchNormalization over the channels.

    Keras averages the *biased* batch variance into the moving one; torch's own
    running average takes the unbiased. So the averages are kept here.
    """

    fresh = True
    couples_pictures = True

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
        part = current_slice()
        if part is None:
            self._move(mean, inverse_deviation, 1 - self.momentum)
            return x
        share = 1 - self.momentum**part.share  # all parts together move as far as the whole batch would
        if (
            x.device.type == "cuda"
        ):  # parts run in order, and the next one's recorded run reuses this one's memory
            self._move(mean, inverse_deviation, share)
        else:
            part.afterwards.append(partial(self._move, mean.detach(), inverse_deviation.detach(), share))
        return x

    @torch.no_grad()
    def _move(self, mean: Tensor, inverse_deviation: Tensor, share: float) -> None:
        variance = inverse_deviation.double().pow(-2).sub(self.epsilon).float()
        self.moving_mean.lerp_(mean.float(), share)
        self.moving_variance.lerp_(variance, share)


class MaxPooling2D(Operation):
    """MaxPooling2D, padding with minus infinity."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size, self.strides = tuple(config["pool_size"]), tuple(config["strides"])
        self.padding = config["padding"]
        self.relu = False
        """Whether the maximum goes through ReLU, which then need not be applied to every pixel before."""

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        padding = (0, 0)
        if self.padding == "same":
            x, padding = pad_same(x, self.size, self.strides, (1, 1), value=float("-inf"))
        x = F.max_pool2d(x, self.size, self.strides, padding)
        return F.relu_(x) if self.relu else x


class Dropout(Operation):
    """Dropout: in training, zero with probability `rate` and scale the rest by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return drop(x, self.rate) if training else x


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
