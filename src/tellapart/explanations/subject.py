"""Subject: the network and the image that an explanation is about. Every part of one starts here."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.cost import cost_of
from tellapart.explanations.recorder import Recorder, Recording
from tellapart.pages.card import Card, Pictures, Readable
from tellapart.pages.thumbnail import thumbnail
from tellapart.text import short_name


@dataclass(frozen=True, eq=False)
class Subject(Readable):
    """A network, and an image after its preprocessing."""

    classifier: Classifier
    recorder: Recorder
    picture: str
    """The file's path, or another name."""

    original: NDArray[np.uint8]
    """(height, width, 1 or 3), as people see it; of a very large JPEG a smaller size."""

    image: NDArray[np.uint8]
    """(H, W, C), as the network gets it."""

    full_size: tuple[int, int] | None = None
    """Height and width of the picture where `original` is smaller; None: that of `original`."""

    note: str = ""
    """What was assumed to read the picture, where its file does not define its levels."""

    def _parts(self) -> list[str]:
        height, width = self.image.shape[:2]
        return [short_name(self.picture), f"as the network gets it: {height}×{width}"]

    def _card(self) -> Card:
        return Card("Subject", self.picture, [Pictures([thumbnail(self.original, self.picture)])])

    @property
    def card(self) -> ModelCard:
        """The classifier's model card."""
        return self.classifier.card

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return self.classifier.class_names

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole picture, in its own pixels."""
        return self.full_size or self.original.shape[:2]

    @cached_property
    def mark(self) -> str:
        """A sha256 (hexadecimal) of the network's weights and the image's path, which identifies a page."""
        digest = hashlib.sha256(os.fsencode(os.path.abspath(self.picture)))
        for weight in self.recorder.weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.hexdigest()

    @cached_property
    def pixels(self) -> Tensor:
        """The image, (H, W, C) float32, 0-255."""
        return torch.from_numpy(self.image.astype(np.float32))

    @cached_property
    def cost(self) -> int:
        """FLOPs of one run of the network over the image, forward."""
        return cost_of(self.recorder, self.pixels)

    @cached_property
    def logits(self) -> Tensor:
        """(classes,), without test-time augmentation."""
        with torch.no_grad():
            return self.recorder.logits(self.pixels[None])[0]

    @cached_property
    def recording(self) -> Recording:
        """The network's run over the image, as a batch of one, without gradients."""
        with torch.no_grad():
            return self.recorder.run(self.pixels[None])

    def predict(self, images: Tensor) -> Tensor:
        """Return probabilities without test-time augmentation: (B, H, W, C) float32, 0-255 -> (B, classes)."""
        return self.recorder.probabilities(self.recorder.logits(images))
