"""What the network's channels look for: kernels, pieces of pictures, and pictures made for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.explanations.channels.channels import LayerFilters
from tellapart.explanations.channels.patches import Box
from tellapart.explanations.page.part import Part
from tellapart.pages.sprite_sheet import sheet

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation

SIDE = 64
"""Pixels of a piece on the page's sheet."""

MADE_SIDE = 112
"""Pixels of a made picture there, at most."""

MOST_KERNELS = 96


def part(explanation: "Explanation") -> Part | None:
    """See the module."""
    subject, filters = explanation.subject, explanation.filters
    layers = filters.of(subject)
    kernels = filters.kernels(subject.recording)
    if not layers and kernels is None:
        explanation.lacks(
            "What its channels look for: the network shows no convolution and no layer with feature maps."
        )
        return None
    if layers and filters.train is None:
        explanation.lacks(
            "Pieces of training pictures that excite its channels: the training pictures are not there."
        )
    pieces: dict[str, NDArray[np.uint8]] = {}
    told = [_layer(one, subject.image, filters.train, pieces) for one in layers]
    made = {f"{one.name}/{channel.index}": channel.made for one in layers for channel in one.channels}
    values = {
        "layers": told,
        "sample": len(filters.rows),
        "whole": min(subject.image.shape[:2]),
        "kernels": None if kernels is None else _kernels(*kernels),
        "pieces": sheet(pieces, side=SIDE),
        "made": sheet(made, side=MADE_SIDE, quality=90),
    }
    return Part(values)


def _kernels(name: str, found: NDArray[np.uint8]) -> dict[str, Any]:
    shown = {str(index): _enlarged(kernel) for index, kernel in enumerate(found[:MOST_KERNELS])}
    size = f"{found.shape[1]} × {found.shape[2]}"
    return {"layer": name, "count": len(found), "size": size, "sheet": sheet(shown, quality=95, side=SIDE)}


def _layer(
    layer: LayerFilters, image: NDArray[np.uint8], train: Any, pieces: dict[str, NDArray[np.uint8]]
) -> dict[str, Any]:
    """What the template writes of a layer; its pieces are added to those of the page."""
    side = _side(layer, image.shape)
    channels = []
    for channel in layer.channels:
        name = f"{layer.name}/{channel.index}"
        pieces[f"{name}/here"] = _cut(image, channel.box, side)
        for place, one in enumerate(channel.pieces):
            pieces[f"{name}/{place}"] = _cut(train.images[one.picture], one.box, side)
        channels.append(
            {
                "name": name,
                "index": channel.index,
                "peak": channel.peak,
                "above": channel.above,
                "pieces": [
                    {"name": f"{name}/{place}", "id": train.ids[one.picture], "excitement": one.excitement}
                    for place, one in enumerate(channel.pieces)
                ],
                "made_mean": channel.made_mean,
                "best_mean": channel.best_mean,
            }
        )
    return {"name": layer.name, "grid": layer.grid, "width": layer.width, "side": side, "channels": channels}


def _side(layer: LayerFilters, shape: Sequence[int]) -> int:
    """Of the squares that hold every piece of a layer; a number of 0 depends on nothing, so its box says nothing."""
    found = [(channel.box, channel.peak) for channel in layer.channels]
    found += [(piece.box, piece.excitement) for channel in layer.channels for piece in channel.pieces]
    sides = [max(box[2] - box[0], box[3] - box[1]) for box, number in found if number]
    return min(*shape[:2], max(sides, default=max(shape[:2])))


def _cut(image: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    """A square of a picture around a box, moved inwards at the edges."""

    def begin(first: int, last: int, length: int) -> int:
        return max(0, min((first + last - side) // 2, length - side))

    top, left = begin(box[0], box[2], image.shape[0]), begin(box[1], box[3], image.shape[1])
    return _enlarged(image[top : top + side, left : left + side])


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brought to the sheet's size, (SIDE, SIDE, C), small ones with their pixels to be seen."""
    small: Sequence[int] = picture.shape[:2]
    how = Image.Resampling.NEAREST if max(small) < SIDE else Image.Resampling.BOX
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).resize((SIDE, SIDE), how)
    return np.asarray(image).reshape(SIDE, SIDE, -1)
