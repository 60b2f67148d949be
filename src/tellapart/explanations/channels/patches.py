"""Patches: which parts of images activate a layer's channels most, and the first convolution's kernels as images.

`activation_maximization` creates images for channels; `channels` chooses which channels to show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.explanations.recorder import Recorder, Recording
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.pages.card import Readable

PIXELS_PER_BATCH = 64 * 64 * 64

MAX_BATCH_SIZE = 64
"""Images per batch, however small."""

Box = tuple[int, int, int, int]
"""Top, left, bottom and right, the last two excluded."""


@dataclass(frozen=True, slots=True)
class Patch(Readable):
    """The part of an image that activates a channel."""

    row: int
    """The image's row among those searched."""

    box: Box
    """The pixels that the activation depends on."""

    activation: float
    """The channel's value there, after the layer's activation function."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks(Readable):
    """How strongly and where images activate the channels of a layer."""

    highest: NDArray[np.float32]
    """(N, channels), the maximum over the places."""

    places: NDArray[np.int64]
    """(N, channels, 2), row and column of the maximum in the layer's maps."""

    means: NDArray[np.float32]
    """(N, channels), the mean over the places."""


def kernels_as_images(recording: Recording) -> tuple[str, NDArray[np.uint8]] | None:
    """Return the first convolution's kernels as images, where it reads pixels of 1 or 3 channels.

    Returns:
        The layer's name and (filters, kh, kw, 1 or 3) uint8, where 127.5 is zero and each kernel's largest absolute
        value is 127.5 away from it; None where no convolution reads pixels.
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
    """Return how strongly and where images activate every channel of some layers, from one run over the images.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8, N at least 1.
        layers: names of layers with maps (B, h, w, channels).

    Raises:
        ConfigError: no such layer.
    """
    parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in layers}
    with torch.inference_mode():
        for rows in _batches(images):
            pixels = torch.from_numpy(images[rows].astype(np.float32))
            for name, maps in recorder.layer_outputs(pixels, layers).items():
                value, place = maps.flatten(1, 2).max(1)
                width = maps.shape[2]
                places = torch.stack([place // width, place % width], -1)
                parts[name].append((value, places, maps.mean((1, 2))))
    joined = {
        name: [torch.cat(part).numpy() for part in zip(*of_layer, strict=True)]
        for name, of_layer in parts.items()
    }
    return {name: Peaks(*arrays) for name, arrays in joined.items()}


def top_patches(
    recorder: Recorder,
    images: NDArray[np.uint8],
    layer: str,
    channels: Sequence[int],
    count: int = 9,
    known_peaks: Peaks | None = None,
) -> dict[int, list[Patch]]:
    """Return, for each channel, the patches that activate it most, each from another image.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8, to search.
        layer: with maps (B, h, w, channels).
        channels: indices.
        count: patches of each channel.
        known_peaks: the images' peaks in that layer, if already computed.

    Raises:
        ConfigError: no such layer.
    """
    of_layer = peaks(recorder, images, [layer])[layer] if known_peaks is None else known_peaks
    wanted = [
        (int(row), channel)
        for channel in channels
        for row in np.argsort(-of_layer.highest[:, channel], kind="stable")[:count]
    ]
    rows, of_channel = (list(part) for part in zip(*wanted, strict=True))
    boxes = boxes_of(recorder, images[rows], layer, of_channel, of_layer.places[rows, of_channel])
    patches: dict[int, list[Patch]] = {channel: [] for channel in channels}
    for (row, channel), box in zip(wanted, boxes, strict=True):
        patches[channel].append(Patch(row, box, float(of_layer.highest[row, channel])))
    return patches


def boxes_of(
    recorder: Recorder,
    images: NDArray[np.uint8],
    layer: str,
    channels: Sequence[int],
    places: NDArray[np.int64],
) -> list[Box]:
    """Return, for each image, the smallest box around the pixels with a gradient on one value of a layer.

    A value at its activation's ceiling, such as the 6 of ReLU6, has no gradient: there the box is that of all channels
    at its place.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8.
        layer: with maps (B, h, w, channels).
        channels: (N,), the value's channel in each image.
        places: (N, 2), its row and column.
    """
    boxes = []
    for rows in _batches(images):
        pixels = torch.from_numpy(images[rows].astype(np.float32)).requires_grad_()
        maps = recorder.layer_outputs(pixels, [layer])[layer]
        each, (down, right) = torch.arange(len(rows)), torch.from_numpy(places[rows]).unbind(1)
        at_place = maps[each, down, right]  # (n, channels)
        values = at_place[each, torch.tensor([channels[row] for row in rows])]
        marked = _depended_on(values, pixels, keep=True)
        without = ~marked.flatten(1).any(1) & (values != 0)
        if bool(without.any()):
            marked[without] = _depended_on(at_place[without], pixels)[without]
        boxes += [_around(each_marked) for each_marked in marked]
    return boxes


def _depended_on(values: Tensor, pixels: Tensor, *, keep: bool = False) -> Tensor:
    """Return which pixels the values have a gradient by, (N, H, W) bool; `keep` for another call on the same run."""
    (gradients,) = torch.autograd.grad(values.sum(), pixels, retain_graph=keep)
    return gradients.abs().amax(-1) > 0


def _batches(images: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """Return the rows of each batch."""
    height, width = images.shape[1:3]
    size = min(MAX_BATCH_SIZE, max(1, PIXELS_PER_BATCH // (height * width)))
    return np.array_split(np.arange(len(images)), -(-len(images) // size))


def _around(marked: Tensor) -> Box:
    """Return the box around marked pixels, (H, W) bool; the whole where none is, behind a ReLU that is off."""
    rows, columns = marked.nonzero(as_tuple=True)
    if not len(rows):
        return 0, 0, *marked.shape
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
