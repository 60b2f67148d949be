"""Scored nets: probabilities and novelty scores from one run of the network."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.inference.folded_net import InferenceNet
from tellapart.inference.probability_net import LOGITS, OF_SECOND, ProbabilityNet, single_output, two_logits
from tellapart.lowering import LoweredNet
from tellapart.lowering.layout import to_keras
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.dense import Dense

Score = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]]
"""Features (B, features) and logits (B, classes) -> novelty scores (B,)."""


class Run(NamedTuple):
    """What a network's run over a batch shows."""

    features: Tensor
    """(B, ...), the inputs of the last dense layer."""

    logits: Tensor
    """(B, outputs), what goes into the last activation; the outputs, where there is none that can be seen."""

    outputs: Tensor
    """(B, outputs)."""


class ScoredNet:
    """A network that returns each image's probabilities and behind them its novelty score: (B, classes + 1)."""

    def __init__(self, net: ProbabilityNet, score: Score) -> None:
        """Create a net; `scored_net` says whether there is one."""
        self.net, self.score = net, score

    def ready(self, precision: str) -> "_Ready":
        """Return its form for inference, with the current weights."""
        return _Ready(self.net.ready(precision), self.score)


def scored_net(net: ProbabilityNet, score: Score) -> ScoredNet | None:
    """Return the scored form of a net, or None where its features or logits cannot be seen."""
    ready = net.ready().net
    if isinstance(ready, InferenceNet):
        seen = ready.has_features and (net.head in LOGITS or ready.has_logits)
    else:
        seen = isinstance(ready, LoweredNet) and ends_in_dense(ready)
    return ScoredNet(net, score) if seen else None


class _Ready:
    """A scored net as a `Predictor` runs it."""

    def __init__(self, net: ProbabilityNet, score: Score) -> None:
        self.net, self.score = net, score

    @property
    def divides(self) -> bool:
        """Whether several threads may predict at once."""
        return self.net.divides

    def __call__(self, images: Tensor) -> Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes + 1)."""
        net: Any = self.net.net
        folded = isinstance(net, InferenceNet)
        run = Run(*net.features_logits_and_outputs(images)) if folded else observed_run(net, images)
        logits = two_logits(run.logits) if self.net.head in OF_SECOND else run.logits
        scores = self.score(run.features.flatten(1).float().cpu().numpy(), logits.float().cpu().numpy())
        probabilities = self.net.meaning(run.outputs).float().cpu()
        return torch.cat([probabilities, torch.from_numpy(scores).float()[:, None]], dim=1)


def ends_in_dense(net: LoweredNet) -> bool:
    """Return whether the last call of an unfolded net is a dense layer, or an activation right behind one."""
    operations = [] if net.graph is None else [net.operation_of(call) for call in net.graph.calls[-2:]]
    is_dense = [isinstance(operation, Dense) for operation in operations]
    return is_dense[-1:] == [True] or (
        is_dense == [True, False] and isinstance(operations[1], ActivationOperation)
    )


def observed_run(net: LoweredNet, images: Tensor) -> Run:
    """Run an unfolded net that ends in a dense layer, on whatever device it is."""
    dense: list[tuple[Dense, Tensor]] = []

    def keep(_prefix: str, _call: Any, operation: Any, inputs: tuple[Tensor, ...], _outputs: Any) -> None:
        if isinstance(operation, Dense):
            dense[:] = [(operation, to_keras(inputs[0]))]

    with net.observed_by(keep):
        outputs = single_output(net, images)
    operation, features = dense[0]
    return Run(features, operation.before_activation(features), outputs)
