"""Weighted sums: convolutions and dense layers. A window times a kernel, summed, plus a bias, then an activation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.activation import curve_of, is_elementwise
from tellapart.explanations.arithmetic.cells import Pair, Reading, cells, pair
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule, Selection
from tellapart.explanations.recorder import LayerRun
from tellapart.pages.packing import pack

CONVOLUTION = (
    "This layer slides a small window over the previous layer's feature maps. At each position, it multiplies the "
    "values in the window by the kernel and adds up the products."
)
DEPTHWISE = (
    "A convolution in which each channel has its own kernel and reads one channel of the previous layer, not all of "
    "them."
)
DENSE = "Each unit multiplies all values of the previous layer by its own weights and adds up the products."
SEPARABLE = (
    "A convolution for each channel, then a sum over the channels, shown here as the single kernel that equals "
    "both."
)

THEN = {
    (False, False): "",
    (True, False): " Then it adds the bias.",
    (False, True): " Then it applies the activation.",
    (True, True): " Then it adds the bias and applies the activation.",
}
"""(has a bias, has an activation) -> the next sentence."""

Kernel = NDArray[np.float32]
"""(kh, kw, reads, out)."""


def _convolution(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    if layer.data_format != "channels_last":
        return None
    kernel = _flat(layer.kernel)
    per_group = kernel.shape[-1] // layer.groups
    return weighted(
        run, CONVOLUTION, kernel, lambda channel: channel // per_group * kernel.shape[2], _padded(run, kernel)
    )


def _depthwise(run: LayerRun) -> LayerArithmetic | None:
    if run.layer.data_format != "channels_last":
        return None
    kernel = _flat(run.layer.kernel)
    height, width, channels, multiplier = kernel.shape
    return weighted(
        run,
        DEPTHWISE,
        kernel.reshape(height, width, 1, channels * multiplier),
        lambda channel: channel // multiplier,
        _padded(run, kernel),
    )


def _separable(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    if layer.data_format != "channels_last":
        return None
    first, second = _flat(layer.depthwise_kernel), _flat(layer.pointwise_kernel)[0, 0]
    channels, multiplier = first.shape[2:]
    second = second.reshape(channels, multiplier, -1)
    kernel = np.einsum("hwcm,cmo->hwco", first.astype(np.float64), second).astype(np.float32)
    return weighted(run, SEPARABLE, kernel, lambda _: 0, _padded(run, kernel))


def _dense(run: LayerRun) -> LayerArithmetic | None:
    kernel = numbers(run.layer.kernel)
    if kernel.ndim != 2:
        return None
    return weighted(run, DENSE, kernel[None, None], lambda _: 0, {})


def _einsum_dense(run: LayerRun) -> LayerArithmetic | None:
    """Handle an EinsumDense that is a dense layer over the last axis."""
    takes, _, gives = run.layer.equation.replace("->", ",").partition(",")
    weights, _, gives = gives.partition(",")
    is_dense = len(weights) == 2 and weights[0] == takes[-1] and gives == takes[:-1] + weights[1]
    return _dense(run) if is_dense and _bias_is_a_row(run) else None


def _bias_is_a_row(run: LayerRun) -> bool:
    return run.layer.bias is None or len(run.layer.bias.shape) == 1


def weighted(
    run: LayerRun, description: str, kernel: Kernel, start: Callable[[int], int], window: dict[str, Pair]
) -> LayerArithmetic | None:
    """Return the arithmetic of a weighted sum; None where the activation is not known.

    Args:
        run: with one input.
        description: the first sentence.
        kernel: (kh, kw, reads, out).
        start: output channel -> the first channel that it reads.
        window: further fields of `Reading`.
    """
    name = getattr(run.layer.activation, "__name__", "linear")
    if not is_elementwise(name) and name != "softmax":
        return None
    height, width, reads, units = kernel.shape
    if name == "softmax" and start(units - 1) != start(0):
        return None
    reading = Reading(run.raw_inputs[0], size=(height, width), reads=reads, start=start, **window)
    bias = None if run.layer.bias is None else numbers(run.layer.bias)

    def details(selection: Selection) -> dict[str, Any]:
        chosen = kernel[..., list(selection.channels)]
        packed: dict[str, Any] = {"kernel": pack(np.moveaxis(chosen, -1, 0)), "activation": name}
        if bias is not None:
            packed["bias"] = pack(bias[list(selection.channels)])
        if name == "softmax":
            packed["logits"] = pack(_logits(reading, kernel, bias, selection))
        elif name != "linear":
            packed["curve"] = curve_of(name)
        return packed

    description += THEN[bias is not None, name != "linear"]
    return LayerArithmetic("weighted", description, (reading,), height * width * reads, details)


def _logits(
    reading: Reading, kernel: Kernel, bias: NDArray[np.float32] | None, selection: Selection
) -> NDArray[np.float32]:
    """Return values before the softmax, (selected places, units), where all units read the same channels."""
    windows = reading.windows(
        selection.rows, selection.columns, range(kernel.shape[3])
    )  # (places, kh, kw, reads)
    logits = np.einsum("phwc,hwco->po", windows, kernel)
    return logits if bias is None else logits + bias


def _padded(run: LayerRun, kernel: Kernel) -> dict[str, Pair]:
    """Return the strides and padding of a 1D or 2D convolution."""
    layer, values = run.layer, cells(run.raw_inputs[0])
    assert values is not None
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    before = (0, 0)
    if layer.padding == "causal":
        before = ((kernel.shape[0] - 1) * dilation[0], 0)
    elif layer.padding == "same":
        before = before_same(values.shape[:2], kernel.shape[:2], strides, dilation)
    return {"strides": strides, "dilation": dilation, "before": before}


def before_same(
    lengths: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int] = (1, 1)
) -> Pair:
    """Return the rows and columns of padding before the data for padding "same"; an odd one more comes after."""
    top, left = (
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) // 2
        for n, k, s, d in zip(lengths, size, strides, dilation, strict=True)
    )
    return top, left


def _flat(variable: Any) -> NDArray[np.float32]:
    """Return a 2D kernel; a 1D kernel as a 2D one that is one pixel wide."""
    kernel = numbers(variable)
    return kernel[:, None] if kernel.ndim == 3 else kernel


def numbers(variable: Any) -> NDArray[np.float32]:
    """Return the numbers of a Keras or torch weight."""
    value = variable.value if hasattr(variable, "value") else variable
    assert torch.is_tensor(value)
    return value.detach().float().cpu().numpy()


RULES: dict[str, Rule] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
}
