"""Filters: what a channel of a layer looks for.

The first convolution's kernels are small pictures themselves. For deeper channels, the pieces of pictures
that excite them most; `maximization` makes pictures for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.explanations.recorder import Recorder, Recording
from tellapart.lowering.ops.convolution import Convolution2D

PIXELS_AT_ONCE = 64 * 64 * 64
"""Of the pictures in one batch."""

MOST_AT_ONCE = 64
"""Pictures in one batch, however small."""

Box = tuple[int, int, int, int]
"""Top, left, bottom and right, the last two not included."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a picture excites a channel."""

    picture: int
    """Its row."""

    box: Box
    """The pixels that the channel's number there depends on."""

    excitement: float
    """The number, after the layer's activation."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """By what and where some pictures excite the channels of a layer."""

    highest: NDArray[np.float32]
    """(N, channels), over the places."""

    places: NDArray[np.int64]
    """(N, channels, 2), of the highest: row and column of the layer's maps."""

    means: NDArray[np.float32]
    """(N, channels), over the places."""


def kernels_as_pictures(recording: Recording) -> tuple[str, NDArray[np.uint8]] | None:
    """The first convolution's kernels, where it looks at pixels of 1 or 3 channels.

    Returns:
        The layer's name and (filters, kh, kw, 1 or 3) uint8, each from its own least to its own largest number,
        the same distance from gray on both sides; None where no convolution looks at pixels.
    """
    for run in recording.layers:
        if not isinstance(run.operation, Convolution2D):
            continue
        kernel = run.operation.kernel.detach()  # (kh, kw, C_in, C_out)
        if kernel.ndim != 4 or kernel.shape[2] not in (1, 3):
            return None
        filters = kernel.permute(3, 0, 1, 2)
        largest = filters.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
        return run.name, (127.5 + 127.5 * filters / largest).round().to(torch.uint8).cpu().numpy()
    return None


def peaks(recorder: Recorder, images: NDArray[np.uint8], layers: Sequence[str]) -> dict[str, Peaks]:
    """Where pictures excite every channel of some layers most, in one run over the pictures.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8, N at least 1.
        layers: with maps (B, h, w, channels).

    Raises:
        ConfigError: no such layer.
    """
    parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in layers}
    with torch.inference_mode():
        for rows in np.array_split(np.arange(len(images)), -(-len(images) // at_once(images.shape[1:3]))):
            pixels = torch.from_numpy(images[rows].astype(np.float32))
            for name, maps in recorder.layer_outputs(pixels, layers).items():
                value, place = maps.flatten(1, 2).max(1)
                width = maps.shape[2]
                parts[name].append(
                    (value, torch.stack([place // width, place % width], -1), maps.mean((1, 2)))
                )
    joined = {
        name: [torch.cat(part).numpy() for part in zip(*found, strict=True)] for name, found in parts.items()
    }
    return {name: Peaks(*found) for name, found in joined.items()}


def exciting_pieces(
    recorder: Recorder,
    images: NDArray[np.uint8],
    layer: str,
    channels: Sequence[int],
    most: int = 9,
    known: Peaks | None = None,
) -> dict[int, list[Piece]]:
    """Of each channel, the pieces of pictures that excite it most, from as many pictures.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8, to look among.
        layer: with maps (B, h, w, channels).
        channels: which.
        most: pieces of each.
        known: the pictures' peaks in that layer, where somebody has them.

    Raises:
        ConfigError: no such layer.
    """
    found = peaks(recorder, images, [layer])[layer] if known is None else known
    asked = [
        (int(row), channel)
        for channel in channels
        for row in np.argsort(-found.highest[:, channel], kind="stable")[:most]
    ]
    rows, of = (list(part) for part in zip(*asked, strict=True))
    boxes = boxes_of(recorder, images[rows], layer, of, found.places[rows, of])
    pieces: dict[int, list[Piece]] = {channel: [] for channel in channels}
    for (row, channel), box in zip(asked, boxes, strict=True):
        pieces[channel].append(Piece(row, box, float(found.highest[row, channel])))
    return pieces


def boxes_of(
    recorder: Recorder,
    images: NDArray[np.uint8],
    layer: str,
    channels: Sequence[int],
    places: NDArray[np.int64],
) -> list[Box]:
    """Of each picture, the pixels that have a gradient on one number of a layer: around all, the smallest box.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8.
        layer: with maps (B, h, w, channels).
        channels: (N,), one for each picture.
        places: (N, 2), one for each.
    """
    boxes = []
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // at_once(images.shape[1:3]))):
        pixels = torch.from_numpy(images[rows].astype(np.float32)).requires_grad_()
        maps = recorder.layer_outputs(pixels, [layer])[layer]
        down, right = torch.from_numpy(places[rows]).unbind(1)
        numbers = maps[torch.arange(len(rows)), down, right, torch.tensor([channels[row] for row in rows])]
        (gradient,) = torch.autograd.grad(numbers.sum(), pixels)
        boxes += [_around(one.abs().amax(-1) > 0) for one in gradient]
    return boxes


def at_once(size: Sequence[int]) -> int:
    """How many pictures of a height and width go in one batch."""
    return min(MOST_AT_ONCE, max(1, PIXELS_AT_ONCE // (size[0] * size[1])))


def _around(marked: Tensor) -> Box:
    """(H, W) bool; the whole where nothing is marked: behind a ReLU that is off."""
    rows, columns = marked.nonzero(as_tuple=True)
    if not len(rows):
        return 0, 0, *marked.shape
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
