"""Pixel scalings: which numbers a network wants for pixels 0 to 255, and the layers that turn the ones into the others.

Every network reads pixels from 0 to 255 here: what must happen to them is a layer at its entry, so that whatever runs,
explains or saves the network meets one that needs no preparation.

Knows nothing of model files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.keras_backend import import_keras

_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, 0 to 1, as torchvision's networks and DenseNet were trained with."""

_LEVELS = (123.68, 116.779, 103.939)
"""Likewise the means, 0 to 255, as the networks that came from Caffe were trained with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelScaling:
    """What happens to pixels 0 to 255 before the first layer; an entry of PIXEL_SCALINGS."""

    title: str
    """In a sentence: "pixels from ..."."""

    rescaling: Mapping[str, Any] | None = None
    """Settings of Keras's Rescaling; None: pixels stay as they are."""

    blue_first: bool = False
    """Whether the network wants blue, green, red, around their means."""

    needs_color: bool = False


PIXEL_SCALINGS: dict[str, PixelScaling] = {
    "0-255": PixelScaling(title="0 to 255"),
    "0-1": PixelScaling(title="0 to 1", rescaling={"scale": 1 / 255, "offset": 0.0}),
    "-1-1": PixelScaling(title="-1 to 1", rescaling={"scale": 1 / 127.5, "offset": -1.0}),
    "imagenet": PixelScaling(
        title="ImageNet's means and deviations",
        needs_color=True,
        rescaling={
            "scale": [1 / (255 * deviation) for deviation in _DEVIATIONS],
            "offset": [-mean / deviation for mean, deviation in zip(_MEANS, _DEVIATIONS, strict=True)],
        },
    ),
    "caffe": PixelScaling(
        title="blue, green, red around ImageNet's means",
        needs_color=True,
        blue_first=True,
        rescaling={"scale": [1.0, 1.0, 1.0], "offset": [-level for level in _LEVELS]},
    ),
}
"""Name on the command line -> scaling. "-1-1", "imagenet" and "caffe" are what `keras.applications` calls tf, torch and
caffe."""

IMAGENET_DEVIATIONS = _DEVIATIONS


def entry_layers(pixels: str) -> list[Any]:
    """Return the layers that turn pixels 0 to 255 into what a network wants; none where it wants them.

    Blue, green, red comes from a convolution of one pixel whose weights are zeros and ones: no Keras layer turns
    channels round, and a convolution is lowered, folded and explained like any other. It adds nothing but zeros, so
    its numbers are exact.

    Args:
        pixels: of PIXEL_SCALINGS.
    """
    layers, scaling = import_keras().layers, PIXEL_SCALINGS[pixels]
    if scaling.rescaling is None:
        return []
    rescaling = layers.Rescaling(**scaling.rescaling, name="pixels")
    return [rescaling, _turned_round(layers)] if scaling.blue_first else [rescaling]


def _turned_round(layers: Any) -> Any:
    import numpy as np

    turn = layers.Conv2D(3, 1, use_bias=False, trainable=False, name="blue_first")
    turn.build((None, None, None, 3))
    turn.set_weights(
        [np.eye(3, dtype=np.float32)[:, ::-1][None, None]]
    )  # (1, 1, red green blue, blue green red)
    return turn
