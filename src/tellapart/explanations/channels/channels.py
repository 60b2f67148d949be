"""Model filters: what a network's channels respond to, for the channels that one image activates most.

The training images' peaks and the images created for channels belong to the network, so one object may serve the
explanations of many images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.data.split import draw_of_any
from tellapart.data.store import ImageStore
from tellapart.explanations.channels.activation_maximization import (
    STEPS,
    maximizing_images,
    mean_activations,
)
from tellapart.explanations.channels.patches import (
    Box,
    Patch,
    Peaks,
    boxes_of,
    kernels_as_images,
    peaks,
    top_patches,
)
from tellapart.explanations.cost import cost_of
from tellapart.explanations.recorder import LayerRun, Recorder, Recording
from tellapart.explanations.subject import Subject
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.pages.card import Readable

LAYERS, CHANNELS, PATCHES = 5, 6, 4
"""Shown at most: layers, channels of each, patches of each."""

MIN_STEPS = 24

SAMPLE = 1000
"""Training images to search for patches."""

MIN_SAMPLE = 100

SAMPLE_FLOPS, MAXIMIZATION_FLOPS = 2.8e11, 2.31e12
"""FLOPs for searching the sample and for creating images: together some five seconds on two cores."""

SEED = 0

ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU")
"""Layers that are activations, besides those with an `activation`."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel(Readable):
    """What one channel responds to."""

    index: int
    peak: float
    """Its highest value over this image."""

    box: Box
    """The pixels of this image that the peak depends on."""

    share_below: float | None
    """Share of the sample whose peak is lower; None without a sample."""

    patches: tuple[Patch, ...]
    """The sample's patches that activate it most; rows are those of the training split."""

    image: NDArray[np.uint8]
    """(H, W, C), created to maximize its mean."""

    image_mean: float
    """Its mean over the created image."""

    best_sample_mean: float | None
    """Its highest mean over an image of the sample; None without a sample."""


@dataclass(frozen=True, slots=True)
class LayerFilters(Readable):
    """Some channels of a layer, the one that stands out most first."""

    name: str
    grid: tuple[int, int]
    """Height and width of its maps."""

    width: int
    """Number of all its channels."""

    channels: tuple[Channel, ...]


class ModelFilters(Readable):
    """What the channels of one network respond to."""

    def __init__(
        self, recorder: Recorder, shape: tuple[int, int, int], train: ImageStore | None = None
    ) -> None:
        """Create filters; no image is run yet.

        Args:
            recorder: of the network.
            shape: (H, W, C) of its images.
            train: the training images; None where they are gone.
        """
        self.recorder = recorder
        self.shape = shape
        self.train = train
        self._created: dict[tuple[str, int], tuple[NDArray[np.uint8], float]] = {}
        self._peaks: dict[str, Peaks] = {}

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the sampled training images, ascending; empty where there are none."""
        if self.train is None:
            return np.empty(0, np.int64)
        count = int(min(SAMPLE, max(MIN_SAMPLE, SAMPLE_FLOPS / self._cost)))
        if len(self.train) <= count:
            return np.arange(len(self.train))
        return draw_of_any(self.train.ids, self.train.labels, count, SEED)

    def kernels(self, recording: Recording) -> tuple[str, NDArray[np.uint8]] | None:
        """Return the first convolution's kernels, as `kernels_as_images` does."""
        return kernels_as_images(recording)

    def of(self, subject: Subject) -> tuple[LayerFilters, ...]:
        """Return layers spread over the depth, each with the channels that stand out for this image.

        Args:
            subject: an image in the same network.

        Returns:
            Layers from the first to the last; empty where none has feature maps.
        """
        names = spread(subject.recording)
        if not names:
            return ()
        here = peaks(self.recorder, subject.image[None], names)
        if missing := [name for name in names if name not in self._peaks and len(self.rows)]:
            self._peaks |= peaks(self.recorder, self._sample, missing)
        return tuple(self._layer(subject, name, here[name], len(names)) for name in names)

    def _layer(self, subject: Subject, name: str, here: Peaks, layers: int) -> LayerFilters:
        count, steps = _affordable(self._cost, layers)
        sample = self._peaks.get(name)
        chosen = _standing_out(here, sample)[:count]
        created = self._images(name, chosen, steps)
        images = np.repeat(subject.image[None], len(chosen), 0)
        boxes = boxes_of(self.recorder, images, name, chosen, here.places[0, chosen])
        patches = {} if sample is None else self._patches(name, chosen, sample)
        channels = [
            Channel(
                index=channel,
                peak=float(here.highest[0, channel]),
                box=box,
                share_below=_share_below(here, sample, channel),
                patches=tuple(patches.get(channel, ())),
                image=created[channel][0],
                image_mean=created[channel][1],
                best_sample_mean=None if sample is None else float(sample.means[:, channel].max()),
            )
            for channel, box in zip(chosen, boxes, strict=True)
        ]
        _, height, width, depth = subject.recording.layer(name).output.shape
        return LayerFilters(name, (height, width), depth, tuple(channels))

    def _patches(self, name: str, chosen: Sequence[int], sample: Peaks) -> dict[int, list[Patch]]:
        by_channel = top_patches(self.recorder, self._sample, name, chosen, PATCHES, sample)
        return {
            channel: [Patch(int(self.rows[patch.row]), patch.box, patch.activation) for patch in patches]
            for channel, patches in by_channel.items()
        }

    def _images(
        self, name: str, chosen: Sequence[int], steps: int
    ) -> dict[int, tuple[NDArray[np.uint8], float]]:
        """Return each channel's created image, and the channel's mean over it."""
        new = [channel for channel in chosen if (name, channel) not in self._created]
        if new:
            images = maximizing_images(self.recorder, self.shape, name, new, steps)
            with torch.inference_mode():
                pixels = torch.from_numpy(images.astype(np.float32))
                means = mean_activations(self.recorder, pixels, name, new).tolist()
            for channel, image, mean in zip(new, images, means, strict=True):
                self._created[name, channel] = image, mean
        return {channel: self._created[name, channel] for channel in chosen}

    @cached_property
    def _sample(self) -> NDArray[np.uint8]:
        assert self.train is not None
        return self.train.images[self.rows]

    @cached_property
    def _cost(self) -> int:
        """FLOPs of one image, forward."""
        return cost_of(self.recorder, torch.zeros(self.shape))


def spread(recording: Recording) -> list[str]:
    """Return up to five layers with feature maps, evenly spaced from the first to the last.

    Those that end in an activation; where there is none, convolutions.
    """
    spatial = [
        run
        for run in recording.layers
        if len(shape := run.output.shape) == 4 and shape[1] * shape[2] > 1 and shape[3] > 1
    ]
    names = [run.name for run in spatial if _ends_in_activation(run)]
    names = names or [run.name for run in spatial if isinstance(run.operation, Convolution2D)]
    places = np.linspace(0, len(names) - 1, min(LAYERS, len(names))).round().astype(int)
    return [names[place] for place in places]


def _ends_in_activation(run: LayerRun) -> bool:
    name = getattr(getattr(run.layer, "activation", None), "__name__", "linear")
    return name not in ("linear", "softmax") or run.kind in ACTIVATION_LAYERS


def _standing_out(here: Peaks, sample: Peaks | None) -> list[int]:
    """Return channels, first the one whose peak is most standard deviations above the sample's mean.

    Channels that this image does not activate, with a peak of exactly 0, come last.
    """
    highest = here.highest[0]
    is_inactive = highest == 0
    if sample is not None:
        highest = (highest - sample.highest.mean(0)) / np.maximum(sample.highest.std(0), 1e-6)
    return np.lexsort((-highest, is_inactive)).tolist()


def _share_below(here: Peaks, sample: Peaks | None, channel: int) -> float | None:
    """Return the share of the sample whose peak is below this image's."""
    if sample is None:
        return None
    return float((sample.highest[:, channel] < here.highest[0, channel]).mean())


def _affordable(cost: int, layers: int) -> tuple[int, int]:
    """Return how many channels of each layer are shown, and the steps for each created image.

    Args:
        cost: FLOPs of one image forward; a step takes three times as many.
        layers: number of layers shown.
    """
    steps = MAXIMIZATION_FLOPS / (3 * cost * layers)
    enough, few = int(steps // (STEPS * 2 / 3)), min(2, round(steps / MIN_STEPS))
    channels = min(CHANNELS, max(1, few, enough))
    return channels, int(min(STEPS, max(MIN_STEPS, steps // channels)))
