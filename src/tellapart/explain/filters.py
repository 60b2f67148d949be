"""Filters: what a channel of a layer looks for.

Three ways to ask. The first convolution's kernels are small pictures themselves. For deeper
channels, the pieces of pictures that excite them most; and a picture made to excite them, by climbing the gradient
from noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.explain.record import Recorder, Recording
from tellapart.lower.operations import Convolution2D

AT_ONCE = 64

STEPS = 128
"""Of the climb."""

STEP = 6.0
"""Grey levels that a step moves by, in the mean over the pixels."""

SMOOTHING = 0.02
"""Weight of the differences between neighbouring pixels against the excitement, both in their own scale."""

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


def kernels_as_pictures(recording: Recording) -> tuple[str, NDArray[np.uint8]] | None:
    """The first convolution's kernels, where it looks at pixels of 1 or 3 channels.

    Returns:
        The layer's name and (filters, kh, kw, 1 or 3) uint8, each from its own least to its own largest number,
        the same distance from grey on both sides; None where no convolution looks at pixels.
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


def exciting_pieces(
    recorder: Recorder, images: NDArray[np.uint8], layer: str, channels: Sequence[int], most: int = 9
) -> dict[int, list[Piece]]:
    """Of each channel, the pieces of pictures that excite it most, from as many pictures.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8, to look among.
        layer: one of `spatial_layers` with maps (B, h, w, channels).
        channels: which.
        most: pieces of each.
    """
    highest, places = _peaks(recorder, images, layer, channels)
    found = {}
    for index, channel in enumerate(channels):
        rows = np.argsort(-highest[:, index], kind="stable")[:most]
        found[channel] = [
            Piece(
                int(row),
                _box(recorder, images[row], layer, channel, tuple(map(int, places[row, index]))),
                float(highest[row, index]),
            )
            for row in rows
        ]
    return found


def exciting_picture(
    recorder: Recorder, shape: tuple[int, int, int], layer: str, channel: int, seed: int = 0
) -> NDArray[np.uint8]:
    """A picture that excites a channel, found by climbing the gradient of its mean from noise.

    Rough pictures are held back by the squared differences between neighbours, and each step moves the
    picture by a pixel or two first, so that nothing hangs on single pixels.

    Args:
        recorder: of the network.
        shape: (H, W, C) of its pictures.
        layer: with maps (B, h, w, channels), or a row of units (B, channels).
        channel: which.
        seed: of the noise and of the moves.

    Returns:
        (H, W, C) uint8.

    Source: Erhan et al. 2009; smoothing and jitter as in Mahendran and Vedaldi 2015, Olah et al. 2017.
    """
    random = torch.Generator().manual_seed(seed)
    image = 127 + 10 * torch.randn(shape, generator=random)
    for _ in range(STEPS):
        down, right = torch.randint(-2, 3, (2,), generator=random).tolist()
        image = image.roll((down, right), (0, 1))
        image = (image + STEP * _uphill(recorder, image, layer, channel)).clamp(0, 255)
        image = image.roll((-down, -right), (0, 1))
    return image.round().to(torch.uint8).numpy()


def excitement(recorder: Recorder, image: Tensor, layer: str, channel: int) -> Tensor:
    """Mean of a channel over its places, for one picture (H, W, C): a scalar."""
    output = _output(recorder.run(image[None]), layer)
    return output[0, ..., channel].mean()


def _uphill(recorder: Recorder, image: Tensor, layer: str, channel: int) -> Tensor:
    """The direction of more excitement and less roughness, of mean size 1."""
    image = image.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(excitement(recorder, image, layer, channel), image)
    gradient = gradient / gradient.abs().mean().clamp_min(1e-12)
    smooth = image.detach()
    for axis in (0, 1):
        smooth = (smooth.roll(1, axis) + 2 * smooth + smooth.roll(-1, axis)) / 4
    return gradient + SMOOTHING * (smooth - image.detach())


def _peaks(
    recorder: Recorder, images: NDArray[np.uint8], layer: str, channels: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Of each picture and channel, the highest number (N, channels) and its place (N, channels, 2)."""
    highest, places = [], []
    with torch.inference_mode():
        for start in range(0, len(images), AT_ONCE):
            part = torch.from_numpy(images[start : start + AT_ONCE].astype(np.float32))
            maps = _output(recorder.run(part), layer)[..., list(channels)]  # (B, h, w, channels)
            value, place = maps.flatten(1, 2).max(1)
            highest.append(value)
            places.append(torch.stack([place // maps.shape[2], place % maps.shape[2]], -1))
    return torch.cat(highest).numpy(), torch.cat(places).numpy()


def _box(
    recorder: Recorder, picture: NDArray[np.uint8], layer: str, channel: int, place: tuple[int, ...]
) -> Box:
    """The pixels that have a gradient on the number at a place: around all of them, the smallest box."""
    image = torch.from_numpy(picture.astype(np.float32)).requires_grad_()
    number = _output(recorder.run(image[None]), layer)[0, place[0], place[1], channel]
    (gradient,) = torch.autograd.grad(number, image)
    rows, columns = (gradient.abs().amax(-1) > 0).nonzero(as_tuple=True)
    if not len(rows):  # nothing gets through: a ReLU that is off
        return 0, 0, picture.shape[0], picture.shape[1]
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def _output(recording: Recording, layer: str) -> Tensor:
    try:
        return recording.layer(layer).output
    except KeyError as reason:
        names = ", ".join(run.name for run in recording.layers) or "none that can be seen"
        raise ConfigError(f"The network has no layer {layer!r}. It has: {names}.") from reason
