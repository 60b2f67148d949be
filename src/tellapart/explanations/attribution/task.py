"""AttributionTask: a network, an image and the contrasts to explain, with the scores that every method asks for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.recorder import Recorder
from tellapart.pages.card import Readable
from tellapart.runtime.workers import workers

PIXELS_PER_BATCH = 2**20
"""Pixels of a batch at most, which bounds memory."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort(Readable):
    """How finely maps are drawn and measured. The defaults are for a small network."""

    masks: int = 1000
    """Random masks of RISE."""

    quadrature: int = 64
    """Points of integrated gradients' quadrature."""

    noisy_copies: int = 32
    """Images that SmoothGrad averages over."""

    strides: int = 16
    """Strides of occlusion's square that make up the image's shorter side."""

    curve_steps: int = 16
    """Steps of a deletion or insertion curve; each changes the same number of pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributionTask:
    """What to draw heat maps of."""

    recorder: Recorder
    image: Tensor
    """(H, W, C) float32, 0-255."""

    contrasts: tuple[Contrast, ...]
    effort: Effort = Effort()

    @property
    def classes(self) -> tuple[int, ...]:
        """The class indices that appear in some contrast, ascending."""
        return tuple(sorted({index for contrast in self.contrasts for index in contrast.classes}))

    @property
    def batch_size(self) -> int:
        """Images per batch."""
        return max(4, min(64, PIXELS_PER_BATCH // (self.image.shape[0] * self.image.shape[1])))

    def class_logits(self, images: Tensor) -> Tensor:
        """Return the logits of `classes`: (B, classes), differentiable."""
        return self.recorder.logits(images)[:, self.classes]

    def logits(self, images: Tensor) -> Tensor:
        """Return each contrast's logit or difference of logits: (B, contrasts)."""
        logits = self._in_batches(images)
        return torch.stack([contrast.of_logits(logits) for contrast in self.contrasts], dim=1)

    def shares(self, images: Tensor) -> Tensor:
        """Return each contrast's probability or share of two, 0 to 1: (B, contrasts)."""
        probabilities = self.probabilities(images)
        return torch.stack([contrast.of_probabilities(probabilities) for contrast in self.contrasts], dim=1)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probabilities of every class: (B, classes)."""
        return self.recorder.probabilities(self._in_batches(images))

    def each(self, function: Callable[[Given], Result], parts: Iterable[Given]) -> list[Result]:
        """Return a function of the network for each part, on every core where the network allows."""
        return workers().map(function, parts) if self.recorder.divides else list(map(function, parts))

    def _in_batches(self, images: Tensor) -> Tensor:
        return torch.cat([self.recorder.logits(batch) for batch in images.split(self.batch_size)])
