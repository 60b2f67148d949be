"""Which numbers a window reads and what they are multiplied by: cut by Keras's own operations."""

import keras
import numpy as np


def as_numbers(variable):
    return keras.ops.convert_to_numpy(variable).astype(np.float64)


def patch(layer, taken, y, x):
    """(kh, kw, C) that a window of a convolution or a pooling reads, padding as 0."""
    size = _pair(layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size)
    dilation, padding = _pair(getattr(layer, "dilation_rate", (1, 1))), layer.padding
    if padding == "causal":
        taken, padding = np.pad(taken, (((size[0] - 1) * dilation[0], 0), (0, 0), (0, 0))), "valid"
    found = keras.ops.image.extract_patches(
        taken[None].astype(np.float32),
        size,
        strides=_pair(layer.strides),
        dilation_rate=dilation if dilation != (1, 1) else 1,
        padding=padding,
    )
    return as_numbers(found)[0][y, x].reshape(*size, taken.shape[2])


def window_and_weights(layer, taken, place):
    """What a weighted sum reads, (kh, kw, reads), its weights, likewise, and the first channel that it reads."""
    y, x, channel = place
    kind = type(layer).__name__.removesuffix("1D").removesuffix("2D")
    if kind in ("Dense", "EinsumDense"):
        return taken[y, x][None, None], as_numbers(layer.kernel)[None, None, :, channel], 0
    if kind.endswith("Transpose"):
        return _reaching(layer, taken, y, x), _flat(layer.kernel)[:, :, channel], 0
    read = patch(layer, taken, y, x)
    if kind == "SeparableConv":
        first, second = _flat(layer.depthwise_kernel), _flat(layer.pointwise_kernel)
        second = second.reshape(first.shape[2], first.shape[3], -1)[..., channel]
        return read, np.einsum("hwcm,cm->hwc", first, second), 0
    kernel = _flat(layer.kernel)
    if kind == "DepthwiseConv":
        first, of_it = divmod(channel, kernel.shape[3])
        return read[..., first : first + 1], kernel[:, :, first, of_it][..., None], first
    per_group, reads = kernel.shape[3] // layer.groups, kernel.shape[2]
    first = channel // per_group * reads
    return read[..., first : first + reads], kernel[..., channel], first


def _reaching(layer, taken, y, x):
    """(kh, kw, C): through each cell of a transposed convolution's kernel, what reaches a place; 0 where nothing does.

    Found out by Keras's own transposed convolution of a map that says which place each is, one channel for each cell.
    """
    height, width = layer.kernel_size[0], _pair(layer.kernel_size)[1]
    cells = np.eye(height * width).reshape(height, width, height * width, 1)
    places = np.arange(1, taken.shape[0] * taken.shape[1] + 1).reshape(1, *taken.shape[:2], 1)
    is_sequence = len(layer.kernel_size) == 1
    found = keras.ops.conv_transpose(
        (places[:, :, 0] if is_sequence else places).astype(np.float32),
        (cells[:, 0] if is_sequence else cells).astype(np.float32),
        strides=tuple(layer.strides),
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation_rate=tuple(layer.dilation_rate),
    )
    at = as_numbers(found)[0][y] if is_sequence else as_numbers(found)[0][y, x]
    numbered = np.concatenate([np.zeros((1, taken.shape[2])), taken.reshape(-1, taken.shape[2])])
    return numbered[np.round(at).astype(int)].reshape(height, width, -1)


def _flat(variable):
    """A kernel of pictures; one of sequences as that of pictures one pixel wide."""
    kernel = as_numbers(variable)
    return kernel[:, None] if kernel.ndim == 3 else kernel


def _pair(steps):
    return (steps[0], steps[1]) if len(steps) == 2 else (steps[0], 1)
