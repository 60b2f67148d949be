"""AttributionTask: a network, an image and the contrasts to explain, with the scores that every method asks for."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.recorder import Recorder

MASKS = 1000
"""Masks of RISE for a small network."""

PIXELS_PER_BATCH = 2**20
"""Pixels of a batch at most, which bounds memory."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributionTask:
    """What to draw heat maps of."""

    recorder: Recorder
    image: Tensor
    """(H, W, C) float32, 0-255."""

    contrasts: tuple[Contrast, ...]
    masks: int = MASKS
    """Random masks for RISE."""

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
        return self._in_batches(images).softmax(-1)

    def _in_batches(self, images: Tensor) -> Tensor:
        return torch.cat([self.recorder.logits(batch) for batch in images.split(self.batch_size)])
