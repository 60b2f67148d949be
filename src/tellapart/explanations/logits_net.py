"""LogitsNet: the logits of many images, as fast as this machine allows.

Most of an explanation is one question asked again and again: what would the network say of this changed image? Here
no layer's own result is wanted, so the net is folded as for predictions, and each core takes images by itself: cores
that share one operation after another wait for each other, all the more beside other programs.

The weights are those at the time when it was built.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from tellapart.inference.folded_net import InferenceNet, inference_net
from tellapart.inference.probability_net import LOGITS, Head, two_logits
from tellapart.inference.stored_net import StoredNet
from tellapart.lowering import LoweredNet
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.dense import Dense
from tellapart.runtime.workers import workers

SMALLEST = 1e-30
"""Probabilities are raised to at least this before their logarithm is taken."""

NORMALIZING = ("softmax", "sigmoid")
"""Activations that turn logits into probabilities."""


class LogitsNet:
    """Images -> logits. Gradients reach images that require them; several threads may call it at once."""

    def __init__(self, net: InferenceNet, head: Head, before_activation: bool) -> None:
        """Create a net; `logits_net` does so.

        Args:
            net: folded.
            head: what the whole network's outputs mean.
            before_activation: whether `net` ends before the activation that makes them probabilities.
        """
        self._net, self._head, self._before_activation = net, head, before_activation

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits: (B, H, W, C) float32 pixels 0-255 -> (B, classes).

        Images that require gradients run in the calling thread, others on every core.
        """
        if images.requires_grad or len(images) < 2 or workers().count == 1:
            return self._logits(images)
        parts = images.tensor_split(min(workers().count, len(images)))
        return torch.cat(workers().map(self._without_gradients, parts))

    def _without_gradients(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return self._logits(images)

    def _logits(self, images: Tensor) -> Tensor:
        output = self._net(images)
        return logits_of(self._head, output, output if self._before_activation else None)


def logits_net(net: LoweredNet | StoredNet, head: Head) -> LogitsNet | None:
    """Return a net's logits in their fastest form; None where it cannot be folded: Keras runs a layer.

    Args:
        net: lowered to float32.
        head: what its outputs mean.
    """
    end = _end_of(net)
    if end is None:
        return None
    is_dense = isinstance(end.operation, Dense)
    is_seen = head not in LOGITS and end.activation in NORMALIZING and (is_dense or not end.has_weights)
    if not is_seen:
        folded = inference_net(net)
    elif is_dense:
        folded = inference_net(net, activated=False)
    else:
        folded = inference_net(net, until=end.input)
    return None if folded is None else LogitsNet(folded, head, before_activation=is_seen)


def probabilities_of(head: Head, logits: Tensor) -> Tensor:
    """Return the probabilities of logits, (B, classes) each: their softmax, or of several labels their sigmoids."""
    return logits.sigmoid() if head == "label probabilities" else logits.softmax(-1)


def logits_of(head: Head, output: Tensor, before_activation: Tensor | None) -> Tensor:
    """Return the softmax's input; where that cannot be seen, the logarithms of the probabilities.

    Args:
        head: what the outputs mean.
        output: (B, outputs), of the network.
        before_activation: (B, outputs), the input of the final softmax or sigmoid; None: it cannot be seen.

    Returns:
        (B, classes).
    """
    if head == "logits":
        return output
    if head == "label probabilities":
        return output.clamp(SMALLEST, 1 - 1e-7).logit() if before_activation is None else before_activation
    if head == "one logit":
        return two_logits(output)
    if head == "one probability":
        if before_activation is None:
            before_activation = output.clamp(SMALLEST, 1 - 1e-7).logit()
        return two_logits(before_activation)
    return output.clamp_min(SMALLEST).log() if before_activation is None else before_activation


class _End(NamedTuple):
    """A net's last step."""

    operation: Operation | None
    activation: str
    """Keras's name."""
    input: int
    """Slot."""
    has_weights: bool


def _end_of(net: LoweredNet | StoredNet) -> _End | None:
    """Return the step that computes the outputs; None where it is hidden in a model used as a layer."""
    if isinstance(net, StoredNet):
        step = net.steps[-1]
        has_weights = any(map(torch.is_tensor, vars(step.operation).values()))
        return _End(step.operation, net.last_activation, step.inputs[0], has_weights)
    call = net.graph.calls[-1] if net.graph is not None and net.graph.calls else None
    if call is None or hasattr(call.layer, "layers"):
        return None
    has_weights = bool(getattr(call.layer, "weights", ()))  # an operator has none
    return _End(net.operation_of(call), activation_of(call.layer), call.inputs[0], has_weights)


def activation_of(layer: Any) -> str:
    """Return Keras's name of the activation that a layer applies last; of a layer that is one, its own."""
    return getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
