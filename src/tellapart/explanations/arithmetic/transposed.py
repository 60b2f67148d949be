"""Transposed convolutions: which input places reach an output place, and through which kernel cell."""

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.cells import pair
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule
from tellapart.explanations.arithmetic.weighted_sum import numbers, weighted
from tellapart.explanations.recorder import LayerRun
from tellapart.lowering.ops.convolution import transposed_padding

DESCRIPTION = (
    "A convolution in reverse, which enlarges maps: it multiplies each input value by the whole kernel, lays the "
    "products over the output, one stride further for each position, and adds up what overlaps."
)


def _transposed(run: LayerRun) -> LayerArithmetic | None:
    layer = run.layer
    if layer.data_format != "channels_last":
        return None
    kernel = _kernel(numbers(layer.kernel))
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    padding = pair(layer.output_padding) if layer.output_padding else (None, None)
    sizes = list(zip(kernel.shape[:2], strides, dilation, padding, strict=True))
    if len(layer.strides) == 1:
        sizes[1] = (1, 1, 1, None)
    top, left = (transposed_padding(layer.padding, *size)[0] for size in sizes)
    window = {"dilation": (-dilation[0], -dilation[1]), "before": (top, left), "apart": strides}
    return weighted(run, DESCRIPTION, kernel, lambda _: 0, window)


def _kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Keras's (kh, kw, out, in) or (k, out, in) as (kh, kw, in, out)."""
    return np.swapaxes(kernel[:, None] if kernel.ndim == 3 else kernel, 2, 3)


RULES: dict[str, Rule] = {"Conv1DTranspose": _transposed, "Conv2DTranspose": _transposed}
