"""A headless network as a function from pixels to features, in its fastest form for this machine."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.events import Progress
from tellapart.inference.folded_net import InferenceNet, inference_net
from tellapart.inference.predictor import probabilities
from tellapart.lowering import LoweredNet, lower


class FeatureNet:
    """A Keras model whose outputs are features: (B, H, W, C) pixels 0-255 -> (B, features)."""

    def __init__(self, model: Any) -> None:
        self.net = lower(model, "float32")

    def __call__(
        self, images: NDArray[np.uint8], progress: Progress | None = None, precision: str = "float32"
    ) -> NDArray[np.float32]:
        """Return each image's features.

        Args:
            images: (N, H, W, C) uint8, N at least 1.
            progress: called with (images done, images in all).
            precision: "float32"; or "bfloat16", correct to two digits.

        Returns:
            (N, features) float32.
        """
        return probabilities(self, images, progress, precision)

    def ready(self, precision: str) -> "_Ready":
        """Return the folded form, or the net itself where it has none."""
        folded = inference_net(self.net, precision)
        return _Ready(self.net if folded is None else folded)


class _Ready:
    """A net as a `Predictor` runs it."""

    def __init__(self, net: InferenceNet | LoweredNet) -> None:
        self.net = net

    @property
    def divides(self) -> bool:
        """Whether several threads may predict at once."""
        return isinstance(self.net, InferenceNet)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, features)."""
        return self.net(images, training=False)
