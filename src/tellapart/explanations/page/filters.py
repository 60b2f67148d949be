"""The section on what the network's channels respond to: kernels, patches, and pictures created for channels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.data.store import ImageStore
from tellapart.explanations.channels.channels import Channel, LayerFilters
from tellapart.explanations.channels.patches import Box
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.pages.sprite_sheet import sheet

SIDE = 64
"""Pixels of a patch on the page's sheet."""

CREATED_SIDE = 112
"""Pixels of a created picture there, at most."""

MAX_KERNELS = 96

Images = dict[str, NDArray[np.uint8]]
"""Name -> image, for a sheet."""


def part(explanation: Explanation) -> Part | None:
    """Return the section; None where there is neither a convolution nor a layer with feature maps."""
    subject, filters = explanation.subject, explanation.filters
    layers = filters.of(subject)
    kernels = filters.kernels(subject.recording)
    if not layers and kernels is None:
        explanation.add_gap(
            "What the channels respond to: the network has no convolution and no feature maps."
        )
        return None
    if layers and filters.train is None:
        explanation.add_gap("Training-picture patches: the training pictures are not available.")
    patches: Images = {}
    described = []
    for layer in layers:
        side = _side(layer, subject.image.shape)
        patches |= _patches(layer, subject.image, filters.train, side)
        described.append(_described(layer, filters.train, side))
    created = {
        f"{layer.name}/{channel.index}": channel.image for layer in layers for channel in layer.channels
    }
    values = {
        "layers": described,
        "sample": len(filters.rows),
        "whole": min(subject.image.shape[:2]),
        "kernels": None if kernels is None else _kernels(*kernels),
        "patches": sheet(patches, side=SIDE),
        "created": sheet(created, side=CREATED_SIDE, quality=90),
    }
    return Part(values)


def _kernels(name: str, kernels: NDArray[np.uint8]) -> dict[str, Any]:
    shown = {str(index): _enlarged(kernel) for index, kernel in enumerate(kernels[:MAX_KERNELS])}
    return {
        "layer": name,
        "count": len(kernels),
        "size": f"{kernels.shape[1]} × {kernels.shape[2]}",
        "in_color": kernels.shape[3] == 3,
        "sheet": sheet(shown, quality=95, side=SIDE),
    }


def _patches(layer: LayerFilters, image: NDArray[np.uint8], train: ImageStore | None, side: int) -> Images:
    """Return the patches of this picture and of training pictures, for the sheet."""
    patches = {}
    for channel in layer.channels:
        name = f"{layer.name}/{channel.index}"
        patches[f"{name}/here"] = _cut(image, channel.box, side)
        for place, patch in enumerate(channel.patches):
            assert train is not None
            patches[f"{name}/{place}"] = _cut(train.images[patch.row], patch.box, side)
    return patches


def _described(layer: LayerFilters, train: ImageStore | None, side: int) -> dict[str, Any]:
    """Return what the template writes of a layer."""
    return {
        "name": layer.name,
        "grid": layer.grid,
        "width": layer.width,
        "side": side,
        "channels": [_channel(f"{layer.name}/{each.index}", each, train) for each in layer.channels],
    }


def _channel(name: str, channel: Channel, train: ImageStore | None) -> dict[str, Any]:
    ids = [] if train is None else [train.ids[patch.row] for patch in channel.patches]
    return {
        "name": name,
        "index": channel.index,
        "peak": channel.peak,
        "share_below": channel.share_below,
        "patches": [
            {"name": f"{name}/{place}", "id": ids[place], "activation": patch.activation}
            for place, patch in enumerate(channel.patches)
        ],
        "image_mean": channel.image_mean,
        "best_sample_mean": channel.best_sample_mean,
    }


def _side(layer: LayerFilters, shape: Sequence[int]) -> int:
    """Return the side of squares that hold every patch of a layer; zero activations depend on nothing."""
    boxes = [(channel.box, channel.peak) for channel in layer.channels]
    boxes += [(patch.box, patch.activation) for channel in layer.channels for patch in channel.patches]
    sides = [max(box[2] - box[0], box[3] - box[1]) for box, activation in boxes if activation]
    return min(*shape[:2], max(sides, default=max(shape[:2])))


def _cut(image: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    """Return the square of an image around a box, moved inwards at the edges."""

    def begin(first: int, last: int, length: int) -> int:
        return max(0, min((first + last - side) // 2, length - side))

    top, left = begin(box[0], box[2], image.shape[0]), begin(box[1], box[3], image.shape[1])
    return _enlarged(image[top : top + side, left : left + side])


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image at the sheet's size, (SIDE, SIDE, C), small ones with their pixels visible."""
    height, width, channels = image.shape
    resampling = Image.Resampling.NEAREST if max(height, width) < SIDE else Image.Resampling.BOX
    picture = Image.fromarray(image[..., 0] if channels == 1 else image).resize((SIDE, SIDE), resampling)
    return np.asarray(picture).reshape(SIDE, SIDE, -1)
