"""Convolution in low precision on CPUs: the same sums as `F.conv2d`, its slow places gone round.

In float32 a convolution is torch's own, whose bits are Keras's. Here:

- ReLU is applied while the product is still in registers, and undone from the result;
- the kernel's gradient, which costs most where feature maps are small, is computed in another
  way there. Measured with oneDNN 3.12 on one core with AMX, 250 maps of 256 channels, 3x3 kernels,
  milliseconds of the library's way and of the other: on 3x3 maps 29.9 and 4.6; on 7x7 49 and 25;
  from 15x15 on the library's way stays unbeaten (`benchmarks/NOTES.md`);
- kernels of 1x1 are matrix products, which the library's convolution makes slowly on small maps: all those
  of MobileNetV2 on 32 pictures of 32x32, forward and backward, 41 ms, as products 15;
- two backward passes of depthwise convolutions that the library does hardly at all in bfloat16: the
  input's gradient under strides (46 ms for 32 maps of 96x16x16, in float32 0.6) and the kernel's on
  maps of a few pixels (7.6 ms for 960 channels of 1x1, tap by tap 0.3).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Pair = tuple[int, int]


def convolve(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    *,
    relu: bool = False,
) -> Tensor:
    """Convolve, in the dtype of `x`, and cut off below zero where asked.

    Args:
        x: (B, C_in, H, W), channels_last.
        kernel: (C_out, C_in / groups, kh, kw), of the dtype of `x`.
        bias: (C_out,), likewise, or None.
        strides: vertical and horizontal step, in pixels.
        padding: rows and columns of zeros on each side.
        dilation: distance between kernel cells, in pixels.
        groups: how many separate groups of channels.
        relu: whether negative results become zero.

    Returns:
        (B, C_out, H', W'), channels_last.
    """
    if not _is_worth_it(x):
        y = F.conv2d(x, kernel, bias, strides, padding, dilation, groups)
        return F.relu_(y) if relu else y
    if _is_product(kernel, padding, groups):
        y = _as_product(x, kernel, bias, strides)
        return F.relu(y) if relu else y  # a view: written over, autograd would copy the whole map
    return _Convolution.apply(x, kernel, bias, strides, padding, dilation, groups, relu)


@cache
def has_onednn(dtype: torch.dtype) -> bool:
    """Whether oneDNN computes in this dtype on this processor."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _is_worth_it(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.bfloat16 and has_onednn(x.dtype)


FEWEST_FOR_PRODUCT = 2048
"""Numbers of a 1x1 kernel. With 512 and 1,536, the library's convolution took 0.7 of a product's time."""


def _is_product(kernel: Tensor, padding: Pair, groups: int) -> bool:
    fits = kernel.shape[2:].numel() == 1 and groups == 1 and padding == (0, 0)
    return fits and kernel.numel() >= FEWEST_FOR_PRODUCT


def _as_product(x: Tensor, kernel: Tensor, bias: Tensor | None, strides: Pair) -> Tensor:
    """A convolution of 1x1 pixels as what it is: one matrix product over all pixels."""
    pixels = x[:, :, :: strides[0], :: strides[1]].permute(0, 2, 3, 1)
    return F.linear(pixels, kernel[:, :, 0, 0], bias).permute(0, 3, 1, 2)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        strides: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
        relu: bool,
    ) -> Tensor:
        after = "relu" if relu else "none"
        y = torch.ops.mkldnn._convolution_pointwise(
            x, kernel, bias, padding, strides, dilation, groups, after, [], ""
        )
        ctx.save_for_backward(x, kernel, y if relu else None)
        ctx.has_bias, ctx.options = bias is not None, (strides, padding, dilation, groups)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel, y = ctx.saved_tensors
        if y is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        wants_x, wants_kernel = ctx.needs_input_grad[:2]
        wants_bias = ctx.has_bias and ctx.needs_input_grad[2]
        own_way = _kernel_gradient_for(x, gradient, kernel, *ctx.options) if wants_kernel else None
        strides, padding, dilation, groups = ctx.options
        x_apart = wants_x and _is_depthwise(x, kernel, groups) and strides != (1, 1)
        by_library = [
            wants_x and not x_apart,
            wants_kernel and own_way is None,
            wants_bias and own_way is None,
        ]
        results: list[Tensor | None] = [None, None, None]
        if any(by_library):
            results = list(
                torch.ops.aten.convolution_backward(
                    gradient, x, kernel, [len(kernel)], strides, padding, dilation, False, [0, 0], groups,
                    by_library,
                )
            )  # fmt: skip
        if x_apart:
            results[0] = _input_gradient_in_float32(x, gradient, kernel, *ctx.options)
        if own_way is not None:
            results[1] = own_way(x, gradient, kernel.shape[2:], padding, strides)
            results[2] = gradient.sum((0, 2, 3)) if wants_bias else None
        return *results, None, None, None, None, None


def _kernel_gradient_for(
    x: Tensor, gradient: Tensor, kernel: Tensor, strides: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The faster way to this kernel's gradient, or None where the library's is."""
    pixels, channels = gradient.shape[2] * gradient.shape[3], kernel.shape[0] * kernel.shape[1]
    if _is_depthwise(x, kernel, groups) and dilation == (1, 1) and pixels <= 4:
        return gradient_tap_by_tap
    if groups != 1 or strides != (1, 1) or dilation != (1, 1) or kernel.shape[2:].numel() == 1:
        return None
    if padding[0] >= kernel.shape[2] or padding[1] >= kernel.shape[3]:
        return None
    small = pixels <= 16 and channels >= 64 * 64
    return gradient_by_shifts if small or (pixels <= 64 and channels >= 128 * 256) else None


def _is_depthwise(x: Tensor, kernel: Tensor, groups: int) -> bool:
    return groups > 1 and groups == x.shape[1] == len(kernel)


def _input_gradient_in_float32(
    x: Tensor, gradient: Tensor, kernel: Tensor, strides: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """The input's gradient, (B, C_in, H, W), computed in float32 and returned in the dtype of `x`."""
    shape = torch.empty_like(x, dtype=torch.float32)  # only its shape is looked at
    found, _, _ = torch.ops.aten.convolution_backward(
        gradient.float(), shape, kernel.float(), None, strides, padding, dilation, False, [0, 0], groups,
        [True, False, False],
    )  # fmt: skip
    return found.to(x.dtype)


def gradient_tap_by_tap(
    x: Tensor, gradient: Tensor, size: Sequence[int], padding: Pair, strides: Pair
) -> Tensor:
    """A depthwise kernel's gradient, one sum for each of its cells. Arguments as in `gradient_by_shifts`.

    Returns:
        (C, 1, kh, kw).
    """
    height, width = gradient.shape[2:]
    pictures = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding[1], padding[1], padding[0], padding[0])).float()
    wanted = gradient.permute(0, 2, 3, 1).float()
    sums = [
        (pictures[:, i : i + strides[0] * height : strides[0], j : j + strides[1] * width : strides[1]] * wanted)
        .sum((0, 1, 2))
        for i in range(size[0])
        for j in range(size[1])
    ]  # fmt: skip
    return torch.stack(sums, dim=1).view(x.shape[1], 1, *size).to(x.dtype)


def gradient_by_shifts(
    x: Tensor, gradient: Tensor, size: Sequence[int], padding: Pair, strides: Pair
) -> Tensor:
    """The kernel's gradient as one matrix product for each of its cells, over all pixels of the batch at once.

    Pictures and gradient are laid out with the pixel's place first and the picture second, and with columns of
    zeros between rows. So moving by a cell is only starting at another row of the same memory, and rows that a
    cell does not touch are left out.

    Args:
        x: (B, C_in, H, W), channels_last.
        gradient: of the output, (B, C_out, H', W'), channels_last.
        size: the kernel's height and width.
        padding: rows and columns of zeros that the convolution put on each side, fewer than the kernel's.
        strides: the convolution's steps, in pixels; 1 and 1 but for `gradient_tap_by_tap`.

    Returns:
        (C_out, C_in, kh, kw).
    """
    (high, wide), (above, left) = size, padding
    n, channels_in, height, width = x.shape
    channels_out, rows, columns = gradient.shape[1], gradient.shape[2], width + left
    pictures = x.new_zeros(height, columns, n, channels_in)
    pictures[:, :width] = x.permute(2, 3, 0, 1)
    pictures = pictures.view(-1, channels_in).t().contiguous()  # so no product need turn it
    before, after = wide - 1 - left, left
    wanted = gradient.new_zeros(before + rows * columns + after, n, channels_out)
    grid = wanted[before : before + rows * columns].view(rows, columns, n, channels_out)
    grid[:, : gradient.shape[3]] = gradient.permute(2, 3, 0, 1)
    wanted = wanted.view(-1, channels_out)
    cells = x.new_empty(high, wide, channels_in, channels_out)
    for i in range(high):
        first, end = max(0, above - i), min(rows, height + above - i)  # rows that this cell fed
        if end <= first:
            cells[i] = 0
            continue
        there, count = (first + i - above) * columns * n, (end - first) * columns * n
        for j in range(wide):
            start = (before + first * columns + left - j) * n
            torch.mm(pictures[:, there : there + count], wanted[start : start + count], out=cells[i, j])
    return cells.permute(3, 2, 0, 1)
