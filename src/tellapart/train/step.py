"""One step: a batch in, the weights a little better. And its twin without learning.

Everything a step needs is decided when it is built (which net, loss, metrics and
optimiser); a step itself only asks whether there is anything to learn.
"""

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tellapart.lower import LoweredNet
from tellapart.train.loss import loss_of
from tellapart.train.optim import optimizer_of


class StepResult(NamedTuple):
    """What a step leaves to be counted."""

    loss: Tensor
    """Scalar, the mean over the batch, regularisation included."""

    output: Any
    """What the net answered, (B, classes) for a classifier."""


class TrainStep:
    """Forward, loss, gradients, update, on the compiled model that `net` was lowered from."""

    def __init__(self, net: LoweredNet) -> None:
        self.net = net
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses())
        self.optimizer = optimizer_of(net.model)
        self.weights = [variable.value for variable in net.model.trainable_variables]
        if not self.weights:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)  # as Keras says

    def __call__(self, inputs: Any, truth: Any, weight: Any = None) -> StepResult:
        """Learn from one batch.

        Args:
            inputs: what the model takes; pictures as (B, H, W, C).
            truth: what the model's loss takes; (B, classes) one-hot or (B,) indices.
            weight: (B,) factors on each picture's loss, or None.
        """
        output = self.net(inputs, training=True)
        loss = self.loss(inputs, truth, output, weight)
        if self.weights:
            gradients = torch.autograd.grad(self.optimizer.scale_loss(loss), self.weights, allow_unused=True)
            self.optimizer.apply(gradients)
        return StepResult(loss.detach(), output)


class EvaluateStep:
    """Forward and loss only; dropout off, batch statistics still."""

    def __init__(self, net: LoweredNet) -> None:
        self.net = net
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses(), training=False)

    @torch.no_grad()
    def __call__(self, inputs: Any, truth: Any, weight: Any = None) -> StepResult:
        """Score one batch; arguments as in `TrainStep`."""
        output = self.net(inputs, training=False)
        return StepResult(self.loss(inputs, truth, output, weight), output)
