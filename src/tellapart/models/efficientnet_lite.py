"""EfficientNet-Lite: inverted residuals with ReLU6 and without squeeze-and-excitation, made for small processors."""

from typing import NamedTuple

from tellapart.errors import ConfigError
from tellapart.models.layer_list import IMAGES, LayerList

EPSILON = 1e-3
"""Of every batch normalization."""

SMALLEST_SIDE = 8
"""Pixels. Below this, the five halvings would leave a single one long before the end."""

STEM, HEAD = 32, 1280
"""Channels of the first and of the last convolution, which no variant widens."""


class Variant(NamedTuple):
    """How a variant differs from Lite0."""

    width: float
    depth: float
    side: int
    """Height and width, in pixels, that it was trained at."""


VARIANTS = {0: Variant(1.0, 1.0, 224), 2: Variant(1.1, 1.2, 260)}


class _Stage(NamedTuple):
    """Some blocks in a row; the first of them halves height and width where `stride` is 2."""

    blocks: int
    size: int
    """Kernel height and width, in pixels."""

    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite(number: int, side: int | None = None, classes: int = 1000) -> LayerList:
    """Return the layers of EfficientNet-Lite0 or Lite2.

    Args:
        number: of the variant, 0 or 2.
        side: height and width of its images in pixels. Default: what it was trained at.
        classes: its outputs.

    Returns:
        (B, side, side, 3) pixels 0-255 -> (B, classes) probabilities.

    Raises:
        ConfigError: the images are too small.

    Sources: Tan & Le 2019, arXiv:1905.11946; the Lite variants: tensorflow/tpu, models/official/efficientnet/lite.
    """
    variant = VARIANTS[number]
    side = side or variant.side
    if side < SMALLEST_SIDE:
        raise ConfigError(
            f"EfficientNet-Lite needs pictures of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels; got {side} x "
            f"{side}. Give a larger --size, best {variant.side}."
        )
    net = LayerList((side, side, 3))
    x = net.add("Rescaling", IMAGES, scale=1 / 128, offset=-127 / 128)
    x = _convolved(net, x, STEM, 3, stride=2)
    channels = STEM
    for stage in _STAGES:
        filters = _widened(stage.filters, variant.width)
        scaled = stage is not _STAGES[0] and stage is not _STAGES[-1]
        for block in range(-int(-stage.blocks * variant.depth // 1) if scaled else stage.blocks):
            x = _block(net, x, stage, channels, filters, stride=1 if block else stage.stride)
            channels = filters
    x = _convolved(net, x, HEAD, 1)
    x = net.add("GlobalAveragePooling2D", x, keepdims=False)
    net.dense(x, classes, "softmax")
    return net


def _block(net: LayerList, x: int, stage: _Stage, channels: int, filters: int, stride: int) -> int:
    """Add an inverted residual: widen, look around in each channel, narrow; and the input, where it fits."""
    y = _convolved(net, x, channels * stage.expansion, 1) if stage.expansion > 1 else x
    y = net.normalization(net.depthwise(y, stage.size, stride), EPSILON)
    y = net.activation(y, "relu6")
    y = net.normalization(net.convolution(y, filters, 1), EPSILON)
    return net.add("Add", x, y) if stride == 1 and channels == filters else y


def _convolved(net: LayerList, x: int, filters: int, size: int, stride: int = 1) -> int:
    x = net.normalization(net.convolution(x, filters, size, stride), EPSILON)
    return net.activation(x, "relu6")


def _widened(filters: int, width: float) -> int:
    """Return the filters times the width, to the nearest multiple of 8, never more than a tenth too few."""
    wanted = filters * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
