"""One step: a batch in, the weights a little better. And its twin without learning.

Everything a step needs is decided when it is built (which net, loss, metrics and
optimizer); a step itself only asks whether there is anything to learn.
"""

import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.runtime.compiled import compile_on_gpu
from tellapart.runtime.cuda_graph import CudaGraphed
from tellapart.training.loss import PictureLoss, loss_of
from tellapart.training.microbatches import MicroBatches
from tellapart.training.optim.native import KerasOptimizer, optimizer_of


class StepResult(NamedTuple):
    """What a step leaves to be counted."""

    loss: Tensor
    """Scalar, the mean over the batch, regularization included."""

    output: Any
    """What the net answered, (B, classes) for a classifier."""


class TrainStep:
    """Forward, loss, gradients, update, on the compiled model that `net` was lowered from."""

    def __init__(
        self, net: LoweredNet, optimizer: KerasOptimizer | None = None, part_size: int | None = None
    ) -> None:
        """A step.

        Args:
            net: lowered from a compiled model.
            optimizer: how to update the weights; None: as the model was compiled.
            part_size: pictures that are learned from together, batch statistics included; None: the batch.
        """
        self.net = net
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses())
        self.optimizer = optimizer or optimizer_of(net.model)
        records = self.optimizer.recordable and isinstance(self.loss, PictureLoss)
        self.run = net if records else compile_on_gpu(net)
        self.recorded = CudaGraphed(self._learn_whole) if records else None
        self.part_size = part_size
        self.weights = [variable.value for variable in net.model.trainable_variables]
        self.trainable = frozenset(map(id, self.weights))
        if not self.weights:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)  # as Keras says

    def __call__(self, inputs: Any, truth: Any, weight: Any = None) -> StepResult:
        """Learn from one batch.

        Args:
            inputs: what the model takes; pictures as (B, H, W, C).
            truth: what the model's loss takes; (B, classes) one-hot or (B,) indices.
            weight: (B,) factors on each picture's loss, or None.
        """
        if (
            self.recorded is not None
            and weight is None
            and torch.is_tensor(inputs)
            and torch.is_tensor(truth)
        ):
            return StepResult(*self.recorded(inputs.to(self.net.device), truth.to(self.net.device)))
        return self._learn_whole(inputs, truth, weight)

    def _learn_whole(self, inputs: Any, truth: Any, weight: Any = None) -> StepResult:
        parts = MicroBatches.of_batch(self.net, self.loss, self.part_size, inputs, truth, weight)
        frozen = self.optimizer.frozen()
        learning = self.trainable.difference(map(id, frozen))
        # Compiled, the net casts its weights itself: tensors new at every step would compile it anew.
        ready = self.net.cast_weights(learning) if self.run is self.net else []
        leaves = Leaves(self.weights, ready, learning)
        try:
            with without_gradients(frozen):
                results = parts.map(lambda *part: self._learn(leaves, *part))
        finally:
            self.net.drop_cast_weights()
        if self.weights:
            self.optimizer.apply(leaves.gradients([gradients for gradients, _, _ in results]))
        if len(results) == 1:
            return StepResult(*results[0][1:])
        losses, outputs = [loss for _, loss, _ in results], [output.detach() for _, _, output in results]
        return StepResult(torch.stack(losses).sum(), torch.cat(outputs))

    def _learn(
        self, leaves: "Leaves", inputs: Any, truth: Any, weight: Any, share: float
    ) -> tuple[list[Tensor | None], Tensor, Any]:
        """Gradients of the leaves, loss and output of a part that is this share of the batch."""
        output = self.run(inputs, training=True)
        loss = self.loss(inputs, truth, output, weight)
        loss = loss if share == 1 else loss * share
        found: list[Tensor | None] = []
        if leaves.tensors:
            scaled = self.optimizer.scale_loss(loss)
            found = list(torch.autograd.grad(scaled, leaves.tensors, allow_unused=True))
        if self.run is not self.net and share < 1:
            # Recorded by a GPU, the run of the next part writes over the results of this one.
            found = [gradient if gradient is None else gradient.clone() for gradient in found]
            return found, loss.detach().clone(), output.detach().clone()
        return found, loss.detach(), output


@contextmanager
def without_gradients(weights: Sequence[Tensor]) -> Iterator[None]:
    """Nothing is kept for the gradients of these weights within the block."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


class Leaves:
    """What gradients are taken of: the weights, or what was cast of them for the step."""

    def __init__(self, weights: list[Tensor], ready: list[Any], learning: Container[int]) -> None:
        """Leaves.

        Args:
            weights: all of them, each with its gradient's place.
            ready: what was cast.
            learning: ids of the weights that gradients are taken of.
        """
        self.count = len(weights)
        position = {id(weight): index for index, weight in enumerate(weights) if id(weight) in learning}
        cast = [one for one in ready if id(one.master) in position]
        self.of_weight = [position[id(one.master)] for one in cast] + list(position.values())
        self.ready = [*cast, *[None] * len(position)]
        self.tensors = [one.value for one in cast] + [weights[index] for index in position.values()]

    def gradients(self, parts: list[list[Tensor | None]]) -> list[list[Tensor]]:
        """For each weight, the tensors whose sum is its gradient, of its shape; none where nothing reached it.

        Args:
            parts: for each part of the batch, a gradient or None for each leaf.
        """
        found: list[list[Tensor]] = [[] for _ in range(self.count)]
        for leaf, (weight, ready) in enumerate(zip(self.of_weight, self.ready, strict=True)):
            given = [gradient for part in parts if (gradient := part[leaf]) is not None]
            if not given:
                continue
            if ready is None or ready.view is ready.master:
                found[weight] += given
            else:
                total = given[0].float()
                for gradient in given[1:]:
                    total = total.add_(gradient)
                found[weight].append(ready.gradient_of_master(total))
        return found


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
