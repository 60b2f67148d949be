"""Scored nets: probabilities and novelty scores from one run of the network."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.inference.folded_net import InferenceNet
from tellapart.inference.probability_net import ProbabilityNet

Score = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]]
"""Features (B, features) and logits (B, classes) -> novelty scores (B,)."""


class ScoredNet:
    """A network that returns each image's probabilities and behind them its novelty score: (B, classes + 1)."""

    def __init__(self, net: ProbabilityNet, score: Score) -> None:
        """Create a net; `scored_net` says whether there is one."""
        self.net, self.score = net, score

    def ready(self, precision: str) -> "_Ready":
        """Return its form for inference, with the current weights."""
        folded = self.net.ready(precision)
        assert isinstance(folded.net, InferenceNet)
        return _Ready(folded, folded.net, self.score)


def scored_net(net: ProbabilityNet, score: Score) -> ScoredNet | None:
    """Return the scored form of a net, or None: it cannot be folded, or its features or logits cannot be seen."""
    folded = net.ready().net
    if not isinstance(folded, InferenceNet) or not folded.has_features:
        return None
    return ScoredNet(net, score) if net.head == "logits" or folded.has_logits else None


class _Ready:
    """A scored net as a `Predictor` runs it."""

    divides = True

    def __init__(self, net: ProbabilityNet, folded: InferenceNet, score: Score) -> None:
        self.net, self.folded, self.score = net, folded, score

    def __call__(self, images: Tensor) -> Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes + 1)."""
        features, logits, outputs = self.folded.features_logits_and_outputs(images)
        if self.net.head == "one probability":  # softmax over -z/2 and z/2 is the sigmoid of z
            logits = torch.cat([-logits / 2, logits / 2], dim=-1)
        scores = self.score(features.flatten(1).float().numpy(), logits.float().numpy())
        return torch.cat(
            [self.net.meaning(outputs).float(), torch.from_numpy(scores).float()[:, None]], dim=1
        )
