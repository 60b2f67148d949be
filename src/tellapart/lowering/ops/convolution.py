"""Convolutional layers of images and sequences: plain, depthwise, separable and transposed."""

from collections.abc import Container, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import (
    CastWeight,
    Config,
    KernelOperation,
    Operation,
    Rule,
    has_known_activation,
    is_channels_last,
    sequence_rule,
)
from tellapart.lowering.ops.convolution_bf16 import convolve, has_onednn
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.lowering.ops.pointwise import pointwise

SAFE_CHANNELS = 8
"""From so many input channels on oneDNN's gradient of a strided 1x1 kernel stays within its memory."""


class Convolution2D(KernelOperation):
    """Conv2D: kernel (kh, kw, C_in / groups, C_out)."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__(config, weights, dtype, has_bias=config["use_bias"])
        self.strides, self.dilation = tuple(config["strides"]), tuple(config["dilation_rate"])
        self.groups, self.padding = config["groups"], config["padding"]
        self.kernel_size: tuple[int, ...] = tuple(self.torch_kernel().shape[2:])
        """Height and width, in pixels."""

        self.normalization: BatchNormalization | None = None
        """Normalizes the result as part of this operation."""

    def normalize_by(self, normalization: BatchNormalization) -> None:
        """Let the convolution normalize its own result (`fuse`)."""
        object.__setattr__(
            self, "normalization", normalization
        )  # not a submodule: a copy's are the original's
        normalization.within_convolution = True
        self.overwritable = normalization.overwritable

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x, strides = self._stepped(x.to(self.dtype))
        x, padding = self._padded(x) if strides == self.strides else (x, (0, 0))
        options = (strides, padding, self.dilation, self.groups)
        if self.normalization is None:
            return self._convolved(x, options)
        if self._can_fold(x, self.normalization, training=training):
            return self._folded(x, self.normalization, options)
        return self.normalization.normalize(self._convolved(x, options), training=training)

    def _stepped(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Return the images and what strides remain.

        Where a strided kernel of 1x1 has few input channels, only the pixels that it reads are handed on: for its
        gradient oneDNN 3.x writes beyond its memory on processors with AVX2 and no AVX-512 (`benchmarks/NOTES.md`).
        """
        is_point = self.kernel_size == (1, 1) and max(self.strides) > 1
        if is_point and x.shape[1] < SAFE_CHANNELS and x.device.type == "cpu":
            return x[:, :, :: self.strides[0], :: self.strides[1]], (1, 1)
        return x, self.strides

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return the images and what padding remains, as `pad_same`.

        Maps smaller than a depthwise kernel are padded here: for padding that it does itself, oneDNN takes up to fifty
        times as long for the kernel's gradient (`benchmarks/NOTES.md`).
        """
        if self.padding != "same":
            return x, (0, 0)
        x, (top, left) = pad_same(x, self.kernel_size, self.strides, self.dilation)
        is_depthwise = self.groups == x.shape[1]
        is_small = any(side < kernel for side, kernel in zip(x.shape[2:], self.kernel_size, strict=True))
        if is_depthwise and is_small and (top or left) and x.device.type == "cpu":
            return F.pad(x, (left, left, top, top)), (0, 0)
        return x, (top, left)

    def cast_weights(self, trainable: Container[int]) -> list[CastWeight]:
        """Cast the weights once, as `Operation.cast_weights`; not where they will be folded."""
        normalization = self.normalization
        weights = () if normalization is None else (self.kernel, normalization.gamma, normalization.beta)
        folds = normalization is not None and not normalization.learns
        if folds and not any(id(weight) in trainable for weight in weights):
            return []
        return super().cast_weights(trainable)

    def _can_fold(self, x: Tensor, normalization: BatchNormalization, *, training: bool) -> bool:
        """Return whether the normalization is a fixed factor and offset, and nothing here needs a gradient."""
        weights = (x, self.kernel, self.bias, normalization.gamma, normalization.beta)
        learns = torch.is_grad_enabled() and any(w is not None and w.requires_grad for w in weights)
        fixed = not learns and not (training and normalization.learns)
        return fixed and self.activation == "linear" and x.device.type == "cpu" and has_onednn(self.dtype)

    def _folded(self, x: Tensor, normalization: BatchNormalization, options: Any) -> Tensor:
        """Convolve with a kernel and a bias that have the normalization within them, and activate."""
        factor, offset = normalization.factor_and_offset()
        kernel = (self.torch_kernel().detach() * factor[:, None, None, None]).to(
            self.dtype, memory_format=torch.channels_last
        )
        bias = offset if self.bias is None else offset + factor * self.bias.detach()
        return pointwise(x, kernel, bias.to(self.dtype), *options, activation=normalization.activation)

    def _convolved(self, x: Tensor, options: Any) -> Tensor:
        kernel = self.cast("kernel")
        if self.dtype == torch.float32:
            x = F.conv2d(x, kernel, None, *options)
            x = x if self.bias is None else x.add_(self.bias[:, None, None])
            return activate_over(self.activation, x)
        bias, relu = None if self.bias is None else self.cast("bias"), self.activation == "relu"
        x = convolve(x, kernel, bias, *options, relu=relu)
        return x if relu else activate_over(self.activation, x)

    def torch_kernel(self) -> Tensor:
        """Return a view of Keras's kernel, (C_out, C_in / groups, kh, kw)."""
        return self.kernel.permute(3, 2, 0, 1)


class DepthwiseConvolution2D(Convolution2D):
    """DepthwiseConv2D: kernel (kh, kw, C_in, multiplier), one group per input channel."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__({**config, "groups": weights[0].shape[2]}, weights, dtype)

    def torch_kernel(self) -> Tensor:
        """Return Keras's kernel as (C_in * multiplier, 1, kh, kw)."""
        height, width, channels, multiplier = self.kernel.shape
        return self.kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)


class Convolution1D(Convolution2D):
    """Conv1D on images one pixel high: kernel (k, C_in / groups, C_out)."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        causal = config["padding"] == "causal"
        super().__init__({**config, "padding": "valid"} if causal else config, weights, dtype)
        self.past = (weights[0].shape[0] - 1) * self.dilation[1] if causal else 0

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return super().forward(F.pad(x, (self.past, 0)) if self.past else x, training=training)

    def torch_kernel(self) -> Tensor:
        """Return a view of Keras's kernel, (C_out, C_in / groups, 1, k)."""
        return self.kernel.permute(2, 1, 0).unsqueeze(2)


class DepthwiseConvolution1D(Convolution2D):
    """DepthwiseConv1D on images one pixel high: kernel (k, C_in, multiplier)."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__({**config, "groups": weights[0].shape[1]}, weights, dtype)

    def torch_kernel(self) -> Tensor:
        """Return Keras's kernel as (C_in * multiplier, 1, 1, k)."""
        return self.kernel.permute(1, 2, 0).flatten(0, 1)[:, None, None]


class SeparableConvolution(Operation):
    """SeparableConv2D: a depthwise convolution, then a 1x1 convolution over all channels."""

    def __init__(
        self,
        config: Config,
        weights: Sequence[Tensor],
        dtype: torch.dtype,
        depthwise: type[Convolution2D] = DepthwiseConvolution2D,
        pointwise: type[Convolution2D] = Convolution2D,
    ) -> None:
        super().__init__()
        first = {**config, "use_bias": False, "activation": "linear"}
        second = {**config, "strides": (1, 1), "dilation_rate": (1, 1), "padding": "valid", "groups": 1}
        self.depthwise = depthwise(first, weights[:1], dtype)
        self.pointwise = pointwise(second, weights[1:], dtype)
        self.overwritable = self.pointwise.overwritable

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return self.pointwise(self.depthwise(x, training=training), training=training)


class SeparableConvolution1D(SeparableConvolution):
    """SeparableConv1D on images one pixel high."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__(config, weights, dtype, DepthwiseConvolution1D, Convolution1D)


class TransposedConvolution(KernelOperation):
    """Conv2DTranspose: kernel (kh, kw, C_out, C_in).

    Torch crops a transposed convolution alike on both sides; Keras does not. So the
    full output is computed, then cropped (or padded with zeros) to Keras's size.
    """

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__(config, weights, dtype, has_bias=config["use_bias"])
        self.strides, self.dilation = tuple(config["strides"]), tuple(config["dilation_rate"])
        self.padding = config["padding"]
        self.output_padding = config["output_padding"] or (None, None)

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        kernel = self.cast("kernel")
        x = F.conv_transpose2d(x.to(self.dtype), kernel, None, self.strides, dilation=self.dilation)
        sizes = zip(kernel.shape[2:], self.strides, self.dilation, self.output_padding, strict=True)
        (top, bottom), (left, right) = [transposed_padding(self.padding, *size) for size in sizes]
        if any((top, bottom, left, right)):
            x = F.pad(x, (left, right, top, bottom))
        if self.bias is not None:
            x = x.add_(self.cast("bias")[:, None, None])
        return activate_over(self.activation, x)

    def torch_kernel(self) -> Tensor:
        """Return a view of Keras's kernel, (C_in, C_out, kh, kw)."""
        return self.kernel.permute(3, 2, 0, 1)


class TransposedConvolution1D(TransposedConvolution):
    """Conv1DTranspose on images one pixel high: kernel (k, C_out, C_in)."""

    def torch_kernel(self) -> Tensor:
        """Return a view of Keras's kernel, (C_in, C_out, 1, k)."""
        return self.kernel.permute(2, 1, 0).unsqueeze(2)


def pad_same(
    x: Tensor,
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    value: float = 0.0,
) -> tuple[Tensor, tuple[int, int]]:
    """Pad as Keras does for "same": where the total is odd, one more after the data.

    Args:
        x: (B, C, H, W).
        size: kernel height and width, in pixels.
        strides: vertical and horizontal step, in pixels.
        dilation: distance between kernel cells, in pixels.
        value: the padding's value.

    Returns:
        The tensor, padded here where its two sides differ, and the symmetric padding
        (height, width) that remains for the operation itself.
    """
    (top, bottom), (left, right) = same_margins(x.shape[2:], size, strides, dilation)
    if top == bottom and left == right:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def same_margins(
    images: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the ((top, bottom), (left, right)) pixels that Keras pads with for "same".

    Args:
        images: height and width, in pixels.
        size, strides, dilation: as in `pad_same`.
    """
    totals = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(images, size, strides, dilation, strict=True)
    ]
    vertical, horizontal = [(total // 2, total - total // 2) for total in totals]
    return vertical, horizontal


def transposed_padding(
    padding: str, size: int, stride: int, dilation: int, output_padding: int | None
) -> tuple[int, int]:
    """Return what Keras adds before and after the full output of a transposed convolution; negative: it crops.

    Source: `compute_conv_transpose_output_crops_for_torch` of Keras 3.15.
    """
    reach = (size - 1) * dilation  # cells of the full output that only one end of the kernel touches
    if padding == "valid":
        return 0, max(stride - reach - 1, 0) if output_padding is None else output_padding
    wanted = stride if output_padding is None else (reach + 1) % 2 + output_padding
    total = reach - 1 + wanted
    before = min(total - total // 2, reach)
    return before - reach, total - before - reach


_Kind = type[Convolution2D] | type[SeparableConvolution] | type[TransposedConvolution]


def _convolution(kind: _Kind) -> Rule:
    """Return the rule of a kind of convolution."""

    def rule(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        supported = is_channels_last(config) and has_known_activation(config)
        return kind(config, weights, dtype) if supported else None

    return rule


RULES: dict[str, Rule] = {
    "Conv2D": _convolution(Convolution2D),
    "DepthwiseConv2D": _convolution(DepthwiseConvolution2D),
    "SeparableConv2D": _convolution(SeparableConvolution),
    "Conv2DTranspose": _convolution(TransposedConvolution),
    "Conv1D": sequence_rule(_convolution(Convolution1D)),
    "DepthwiseConv1D": sequence_rule(_convolution(DepthwiseConvolution1D)),
    "SeparableConv1D": sequence_rule(_convolution(SeparableConvolution1D)),
    "Conv1DTranspose": sequence_rule(_convolution(TransposedConvolution1D)),
}
