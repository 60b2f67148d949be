"""Model filters: what channels of a network look for, asked of those that one picture excites most.

The training pictures' peaks and the pictures made for channels belong to the network, so one object may serve
the explanations of many pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.data.split import draw
from tellapart.data.store import ImageStore
from tellapart.explanations.channels.activation_maximization import STEPS, excitements, exciting_pictures
from tellapart.explanations.channels.patches import (
    Box,
    Peaks,
    Piece,
    boxes_of,
    exciting_pieces,
    kernels_as_pictures,
    peaks,
)
from tellapart.explanations.recorder import LayerRun, Recorder, Recording
from tellapart.explanations.subject import Subject
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.profiling.summary import summarize

LAYERS, CHANNELS, PIECES = 5, 6, 4
"""Shown at most: layers; channels of each; pieces of each."""

FEWEST_CHANNELS, FEWEST_STEPS = 2, 32

SAMPLE = 1000
"""Training pictures to look for pieces among."""

FEWEST_PICTURES = 100

SAMPLE_FLOPS, CLIMB_FLOPS = 5e11, 2e12
"""Of looking through the sample, and of making pictures: some ten seconds together on two cores."""

SEED = 0

STEPPED = ("ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU")
"""Layers that are activations, besides those that name one."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """What one channel looks for."""

    index: int
    peak: float
    """Its highest number over this picture."""

    box: Box
    """What of this picture that number depends on."""

    above: float | None
    """Share of the sample that excites it less, at its peak; None without a sample."""

    pieces: tuple[Piece, ...]
    """Of the sample, those that excite it most; rows are the training split's."""

    made: NDArray[np.uint8]
    """(H, W, C), the picture made for it."""

    made_mean: float
    """Of the channel over the made picture."""

    best_mean: float | None
    """The highest mean over a picture of the sample."""


@dataclass(frozen=True, slots=True)
class LayerFilters:
    """Some channels of a layer, the one that this picture excites most first."""

    name: str
    grid: tuple[int, int]
    """Height and width of its maps."""

    width: int
    """How many channels it has."""

    channels: tuple[Channel, ...]


class ModelFilters:
    """What the channels of one network look for."""

    def __init__(
        self, recorder: Recorder, shape: tuple[int, int, int], train: ImageStore | None = None
    ) -> None:
        """Looks at nothing yet.

        Args:
            recorder: of the network.
            shape: (H, W, C) of its pictures.
            train: the pictures that it was trained on; None where they are gone.
        """
        self.recorder = recorder
        self.shape = shape
        self.train = train
        self._made: dict[tuple[str, int], tuple[NDArray[np.uint8], float]] = {}
        self._peaks: dict[str, Peaks] = {}

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Of the training pictures that pieces are looked for among, ascending; empty where there are none."""
        if self.train is None:
            return np.empty(0, np.int64)
        count = int(min(SAMPLE, max(FEWEST_PICTURES, SAMPLE_FLOPS / self._flops)))
        if len(self.train) <= count:
            return np.arange(len(self.train))
        return draw(self.train.ids, self.train.labels, count, SEED)

    def kernels(self, recording: Recording) -> tuple[str, NDArray[np.uint8]] | None:
        """As `kernels_as_pictures` gives them."""
        return kernels_as_pictures(recording)

    def of(self, subject: Subject) -> tuple[LayerFilters, ...]:
        """Layers spread over the depth, each with the channels that stand out in this picture.

        Args:
            subject: a picture in the same network. Without a layer that keeps places apart there is none.
        """
        names = spread(subject.recording)
        if not names:
            return ()
        here = peaks(self.recorder, subject.image[None], names)
        if unknown := [name for name in names if name not in self._peaks and len(self.rows)]:
            self._peaks |= peaks(self.recorder, self._sample, unknown)
        return tuple(self._layer(subject, name, here[name], len(names)) for name in names)

    def _layer(self, subject: Subject, name: str, here: Peaks, layers: int) -> LayerFilters:
        count, steps = _affordable(self._flops, layers)
        known = self._peaks.get(name)
        chosen = _standing_out(here, known)[:count]
        made = self._pictures(name, chosen, steps)
        boxes = boxes_of(
            self.recorder,
            np.repeat(subject.image[None], len(chosen), 0),
            name,
            chosen,
            here.places[0, chosen],
        )
        pieces = {} if known is None else self._pieces(name, chosen, known)
        channels = [
            Channel(
                channel,
                float(here.highest[0, channel]),
                box,
                None
                if known is None
                else float((known.highest[:, channel] < here.highest[0, channel]).mean()),
                tuple(pieces.get(channel, ())),
                *made[channel],
                None if known is None else float(known.means[:, channel].max()),
            )
            for channel, box in zip(chosen, boxes, strict=True)
        ]
        _, height, width, depth = subject.recording.layer(name).output.shape
        return LayerFilters(name, (height, width), depth, tuple(channels))

    def _pieces(self, name: str, chosen: Sequence[int], known: Peaks) -> dict[int, list[Piece]]:
        found = exciting_pieces(self.recorder, self._sample, name, chosen, PIECES, known)
        return {
            channel: [Piece(int(self.rows[one.picture]), one.box, one.excitement) for one in pieces]
            for channel, pieces in found.items()
        }

    def _pictures(
        self, name: str, chosen: Sequence[int], steps: int
    ) -> dict[int, tuple[NDArray[np.uint8], float]]:
        """Of each channel, the picture made for it and the channel's mean over it."""
        new = [channel for channel in chosen if (name, channel) not in self._made]
        if new:
            pictures = exciting_pictures(self.recorder, self.shape, name, new, steps)
            with torch.inference_mode():
                pixels = torch.from_numpy(pictures.astype(np.float32))
                means = excitements(self.recorder, pixels, name, new).tolist()
            made = zip(pictures, means, strict=True)
            self._made |= {(name, channel): one for channel, one in zip(new, made, strict=True)}
        return {channel: self._made[name, channel] for channel in chosen}

    @cached_property
    def _sample(self) -> NDArray[np.uint8]:
        assert self.train is not None
        return self.train.images[self.rows]

    @cached_property
    def _flops(self) -> int:
        return max(1, summarize(self.recorder.net.model).flops)


def spread(recording: Recording) -> list[str]:
    """Up to five layers with feature maps, from the first to the last at even distances.

    Those that an activation ends in; where there is none, convolutions.
    """
    spatial = [
        run
        for run in recording.layers
        if len(shape := run.output.shape) == 4 and shape[1] * shape[2] > 1 and shape[3] > 1
    ]
    found = [run.name for run in spatial if _ends_in_activation(run)]
    found = found or [run.name for run in spatial if isinstance(run.operation, Convolution2D)]
    places = np.linspace(0, len(found) - 1, min(LAYERS, len(found))).round().astype(int)
    return [found[place] for place in places]


def _ends_in_activation(run: LayerRun) -> bool:
    name = getattr(getattr(run.layer, "activation", None), "__name__", "linear")
    return name not in ("linear", "softmax") or run.kind in STEPPED


def _standing_out(here: Peaks, known: Peaks | None) -> list[int]:
    """Channels, first the one whose peak is furthest above the sample's, in its standard deviations."""
    highest = here.highest[0]
    if known is not None:
        highest = (highest - known.highest.mean(0)) / np.maximum(known.highest.std(0), 1e-6)
    return np.argsort(-highest, kind="stable").tolist()


def _affordable(flops: int, layers: int) -> tuple[int, int]:
    """How many channels of each layer are shown, and how many steps a picture may climb.

    Args:
        flops: of one picture forward; a step takes three times as many.
        layers: that are shown.
    """
    steps = CLIMB_FLOPS / (3 * flops * layers)
    channels = int(min(CHANNELS, max(FEWEST_CHANNELS, steps // (STEPS * 2 / 3))))
    return channels, int(min(STEPS, max(FEWEST_STEPS, steps // channels)))
