"""Subject: the network and the picture that an explanation is of. Every part of one begins here."""

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
from tellapart.explanations.recorder import Recorder, Recording


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, and a picture that took its pixel path."""

    classifier: Classifier
    recorder: Recorder
    picture: str
    """The file's path, or what else it is called."""

    original: NDArray[np.uint8]
    """(height, width, 1 or 3), as it was found."""

    image: NDArray[np.uint8]
    """(H, W, C), as the network is given it."""

    @property
    def card(self) -> ModelCard:
        """The classifier's."""
        return self.classifier.card

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return self.classifier.class_names

    @cached_property
    def mark(self) -> str:
        """A sha256 (hexadecimal) over the network's weights and the picture's place: by which a page is known again."""
        digest = hashlib.sha256(os.fsencode(os.path.abspath(self.picture)))
        for weight in self.classifier.model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.hexdigest()

    @cached_property
    def pixels(self) -> Tensor:
        """(H, W, C) float32, 0-255."""
        return torch.from_numpy(self.image.astype(np.float32))

    @cached_property
    def recording(self) -> Recording:
        """The network's run over the picture, as a batch of one, without gradients."""
        with torch.no_grad():
            return self.recorder.run(self.pixels[None])

    def answers(self, images: Tensor) -> Tensor:
        """(B, H, W, C) float32 pixels 0-255 -> (B, classes) probabilities, of one view."""
        return self.recorder.logits(images).softmax(-1)
