"""Convolution in bfloat16 on CPUs: the same sums as `F.conv2d`, without oneDNN's slow cases.

In float32 a convolution is torch's own, whose bits are Keras's. In bfloat16:

- ReLU is applied while the product is still in registers; its gradient is taken from the result;
- the kernel's gradient, which costs most where feature maps are small, has another algorithm there.
  Measured with oneDNN 3.12 on one core with AMX, 250 maps of 256 channels, 3x3 kernels: on 3x3 maps
  4.6 ms instead of 29.9, on 7x7 maps 25 instead of 49; from 15x15 on oneDNN is faster
  (`benchmarks/NOTES.md`);
- convolutions with 1x1 kernels are matrix products: all those of MobileNetV2 on 32 images of 32x32, forward
  and backward, take 15 ms instead of 41;
- gradients of depthwise convolutions: the input's under strides is computed in float32 (32 maps of 96x16x16:
  0.6 ms instead of 46), the kernel's on maps of a few pixels tap by tap (960 channels of 1x1: 0.3 ms instead
  of 7.6), and that of kernels larger than 3x3 in blocks of 3x3 cells.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.ops.pointwise import pointwise

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
    """Convolve in the dtype of `x`, and apply ReLU if `relu`.

    Args:
        x: (B, C_in, H, W), channels_last.
        kernel: (C_out, C_in / groups, kh, kw), of the dtype of `x`.
        bias: (C_out,), of the dtype of `x`, or None.
        strides: vertical and horizontal step, in pixels.
        padding: rows and columns of zeros on each side.
        dilation: distance between kernel cells, in pixels.
        groups: the number of separate groups of channels.
        relu: whether to apply ReLU to the result.

    Returns:
        (B, C_out, H', W'), channels_last.
    """
    if not _is_worth_it(x):
        y = F.conv2d(x, kernel, bias, strides, padding, dilation, groups)
        return F.relu_(y) if relu else y
    if _is_product(kernel, padding, groups):
        y = _as_product(x, kernel, bias, strides)
        return F.relu(y) if relu else y  # overwriting a view makes autograd copy the whole map
    return _Convolution.apply(x, kernel, bias, strides, padding, dilation, groups, relu)


@cache
def has_onednn(dtype: torch.dtype) -> bool:
    """Return whether oneDNN computes in this dtype on this processor."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _is_worth_it(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.bfloat16 and has_onednn(x.dtype)


FEWEST_FOR_PRODUCT = 2048
"""The least size of a 1x1 kernel. With 512 and 1,536 numbers oneDNN took 0.7 of a product's time."""


def _is_product(kernel: Tensor, padding: Pair, groups: int) -> bool:
    fits = kernel.shape[2:].numel() == 1 and groups == 1 and padding == (0, 0)
    return fits and kernel.numel() >= FEWEST_FOR_PRODUCT


def _as_product(x: Tensor, kernel: Tensor, bias: Tensor | None, strides: Pair) -> Tensor:
    """Return a 1x1 convolution as one matrix product over all pixels."""
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
        activation = "relu" if relu else "linear"
        y = pointwise(x, kernel, bias, strides, padding, dilation, groups, activation=activation)
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
        algorithm = _kernel_gradient_for(x, gradient, kernel, *ctx.options) if wants_kernel else None
        strides, padding, dilation, groups = ctx.options
        x_in_float32 = wants_x and _is_depthwise(x, kernel, groups) and strides != (1, 1)
        by_onednn = [
            wants_x and not x_in_float32,
            wants_kernel and algorithm is None,
            wants_bias and algorithm is None,
        ]
        results: list[Tensor | None] = [None, None, None]
        if any(by_onednn):
            results = list(
                torch.ops.aten.convolution_backward(
                    gradient, x, kernel, [len(kernel)], strides, padding, dilation, False, [0, 0], groups,
                    by_onednn,
                )
            )  # fmt: skip
        if x_in_float32:
            results[0] = _input_gradient_in_float32(x, gradient, kernel, *ctx.options)
        if algorithm is not None:
            results[1] = algorithm(x, gradient, kernel.shape[2:], padding, strides)
            results[2] = gradient.sum((0, 2, 3)) if wants_bias else None
        return *results, None, None, None, None, None


def _kernel_gradient_for(
    x: Tensor, gradient: Tensor, kernel: Tensor, strides: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """Return the faster algorithm for the kernel's gradient; None where oneDNN's is faster."""
    pixels, channels = gradient.shape[2] * gradient.shape[3], kernel.shape[0] * kernel.shape[1]
    if _is_depthwise(x, kernel, groups) and dilation == (1, 1):
        if pixels <= 4:
            return gradient_tap_by_tap
        return gradient_by_blocks if min(kernel.shape[2:]) > BLOCK else None
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
    """Return the input's gradient, (B, C_in, H, W), computed in float32, in the dtype of `x`."""
    shape = torch.empty_like(x, dtype=torch.float32)  # only its shape is used
    x_gradient, _, _ = torch.ops.aten.convolution_backward(
        gradient.float(), shape, kernel.float(), None, strides, padding, dilation, False, [0, 0], groups,
        [True, False, False],
    )  # fmt: skip
    return x_gradient.to(x.dtype)


def gradient_tap_by_tap(
    x: Tensor, gradient: Tensor, size: Sequence[int], padding: Pair, strides: Pair
) -> Tensor:
    """Return a depthwise kernel's gradient, one sum for each of its cells; arguments as in `gradient_by_shifts`.

    Returns:
        (C, 1, kh, kw).
    """
    height, width = gradient.shape[2:]
    images = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding[1], padding[1], padding[0], padding[0])).float()
    gradients = gradient.permute(0, 2, 3, 1).float()
    sums = [
        (images[:, i : i + strides[0] * height : strides[0], j : j + strides[1] * width : strides[1]] * gradients)
        .sum((0, 1, 2))
        for i in range(size[0])
        for j in range(size[1])
    ]  # fmt: skip
    return torch.stack(sums, dim=1).view(x.shape[1], 1, *size).to(x.dtype)


BLOCK = 3
"""Side of a kernel whose gradient oneDNN computes fast in any case."""


def gradient_by_blocks(
    x: Tensor, gradient: Tensor, size: Sequence[int], padding: Pair, strides: Pair
) -> Tensor:
    """Return a depthwise kernel's gradient, 3x3 cells at a time; arguments as in `gradient_by_shifts`.

    Returns:
        (C, 1, kh, kw).
    """
    height, width = gradient.shape[2:]
    images = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    rows, columns = (n + BLOCK - 1 for n in ((height - 1) * strides[0] + 1, (width - 1) * strides[1] + 1))
    cells = x.new_empty(x.shape[1], 1, *size)
    for i, j in product(*[[*range(0, n - BLOCK, BLOCK), n - BLOCK] for n in size]):
        block = cells[:, :, i : i + BLOCK, j : j + BLOCK]
        part = images[:, :, i : i + rows, j : j + columns].contiguous(memory_format=torch.channels_last)
        _, kernel_gradient, _ = torch.ops.aten.convolution_backward(
            gradient, part, block.contiguous(), None, strides, (0, 0), (1, 1), False, [0, 0], len(cells),
            [False, True, False],
        )  # fmt: skip
        block.copy_(kernel_gradient)
    return cells


def gradient_by_shifts(
    x: Tensor, gradient: Tensor, size: Sequence[int], padding: Pair, strides: Pair
) -> Tensor:
    """Return the kernel's gradient, one matrix product over all pixels of the batch for each of its cells.

    Images and gradient are stored with the pixel's position first and the image second, and with columns of
    zeros between rows. So shifting by a cell only means starting at another row of the same memory, and rows
    that a cell does not touch are skipped.

    Args:
        x: (B, C_in, H, W), channels_last.
        gradient: of the output, (B, C_out, H', W'), channels_last.
        size: the kernel's height and width.
        padding: the convolution's rows and columns of zeros on each side, fewer than the kernel has.
        strides: the convolution's strides, in pixels; only `gradient_tap_by_tap` takes others than 1.

    Returns:
        (C_out, C_in, kh, kw).
    """
    (high, wide), (above, left) = size, padding
    n, channels_in, height, width = x.shape
    channels_out, rows, columns = gradient.shape[1], gradient.shape[2], width + left
    images = x.new_zeros(height, columns, n, channels_in)
    images[:, :width] = x.permute(2, 3, 0, 1)
    images = images.view(-1, channels_in).t().contiguous()  # so that no product has to transpose it
    before, after = wide - 1 - left, left
    gradients = gradient.new_zeros(before + rows * columns + after, n, channels_out)
    grid = gradients[before : before + rows * columns].view(rows, columns, n, channels_out)
    grid[:, : gradient.shape[3]] = gradient.permute(2, 3, 0, 1)
    gradients = gradients.view(-1, channels_out)
    cells = x.new_empty(high, wide, channels_in, channels_out)
    for i in range(high):
        first, end = max(0, above - i), min(rows, height + above - i)  # rows that this cell fed
        if end <= first:
            cells[i] = 0
            continue
        there, count = (first + i - above) * columns * n, (end - first) * columns * n
        for j in range(wide):
            start = (before + first * columns + left - j) * n
            torch.mm(images[:, there : there + count], gradients[start : start + count], out=cells[i, j])
    return cells.permute(3, 2, 0, 1)
