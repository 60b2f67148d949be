"""The training step: forward, loss, gradients, update. And the evaluation step: forward and loss.

The net, the loss and the optimizer are chosen when a step is built, so that running
one decides little.
"""

import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.runtime.compiled import compile_on_gpu
from tellapart.runtime.cuda_graph import CudaGraphed
from tellapart.training.loss import PerImageLoss, loss_of
from tellapart.training.microbatches import MicroBatches
from tellapart.training.optim.native import KerasOptimizer, optimizer_of


class StepResult(NamedTuple):
    """Loss and output of one step."""

    loss: Tensor
    """Scalar: the mean over the batch, including regularization."""

    output: Any
    """Output of the net, (B, classes) for a classifier."""


class Step(Protocol):
    """Learns from one batch."""

    net: LoweredNet

    def __call__(self, inputs: Any, targets: Any) -> StepResult:
        """Learn from inputs and targets, as in `TrainStep`."""
        ...


class TrainStep:
    """Forward, loss, gradients and update of the compiled model that `net` was lowered from."""

    def __init__(
        self, net: LoweredNet, optimizer: KerasOptimizer | None = None, part_size: int | None = None
    ) -> None:
        """Build a step.

        Args:
            net: lowered from a compiled model.
            optimizer: updates the weights; None: the optimizer that the model was compiled with.
            part_size: images per micro-batch, which also share batch statistics; None: the whole batch.
        """
        self.net = net
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses())
        self.optimizer = optimizer or optimizer_of(net.model)
        records = self.optimizer.recordable and net.recordable and isinstance(self.loss, PerImageLoss)
        self.run = net if records else compile_on_gpu(net)
        self.recorded = CudaGraphed(self._learn_whole) if records else None
        self.part_size = part_size
        self.weights = [variable.value for variable in net.model.trainable_variables]
        self.trainable = frozenset(map(id, self.weights))
        if not self.weights:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)  # as Keras says

    def __call__(self, inputs: Any, targets: Any, weight: Any = None) -> StepResult:
        """Learn from one batch.

        Args:
            inputs: as the model takes them; images as (B, H, W, C).
            targets: as the model's loss takes them; (B, classes) one-hot or (B,) indices.
            weight: (B,) factors on each image's loss, or None.
        """
        if (
            self.recorded is not None
            and weight is None
            and torch.is_tensor(inputs)
            and torch.is_tensor(targets)
        ):
            return StepResult(*self.recorded(inputs.to(self.net.device), targets.to(self.net.device)))
        return self._learn_whole(inputs, targets, weight)

    def _learn_whole(self, inputs: Any, targets: Any, weight: Any = None) -> StepResult:
        parts = MicroBatches.of_batch(self.net, self.loss, self.part_size, inputs, targets, weight)
        frozen = self.optimizer.frozen()
        learning = self.trainable.difference(map(id, frozen))
        # A compiled net casts its weights itself: new tensors at every step would recompile it.
        cast = self.net.cast_weights(learning) if self.run is self.net else []
        leaves = Leaves(self.weights, cast, learning)
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
        self, leaves: "Leaves", inputs: Any, targets: Any, weight: Any, share: float
    ) -> tuple[list[Tensor | None], Tensor, Any]:
        """Return the leaf gradients, the loss and the output of a micro-batch, `share` of the batch."""
        output = self.run(inputs, training=True)
        loss = self.loss(inputs, targets, output, weight)
        loss = loss if share == 1 else loss * share
        gradients: list[Tensor | None] = []
        if leaves.tensors:
            scaled = self.optimizer.scale_loss(loss)
            gradients = list(torch.autograd.grad(scaled, leaves.tensors, allow_unused=True))
        if self.run is not self.net and share < 1:
            # With CUDA graphs, the next micro-batch overwrites the results of this one.
            gradients = [gradient if gradient is None else gradient.clone() for gradient in gradients]
            return gradients, loss.detach().clone(), output.detach().clone()
        return gradients, loss.detach(), output


@contextmanager
def without_gradients(weights: Sequence[Tensor]) -> Iterator[None]:
    """Save nothing for the gradients of these weights within the block."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


class Leaves:
    """The tensors whose gradients are taken: the weights, or their casts for this step."""

    def __init__(self, weights: list[Tensor], casts: list[Any], trainable: Container[int]) -> None:
        """Collect the leaves.

        Args:
            weights: all trainable weights, in the order of their gradients.
            casts: weights that were cast for this step.
            trainable: ids of the weights whose gradients are taken.
        """
        self.count = len(weights)
        position = {id(weight): index for index, weight in enumerate(weights) if id(weight) in trainable}
        used = [cast for cast in casts if id(cast.master) in position]
        self.weight_indices = [position[id(cast.master)] for cast in used] + list(position.values())
        self.casts = [*used, *[None] * len(position)]
        self.tensors = [cast.value for cast in used] + [weights[index] for index in position.values()]

    def gradients(self, parts: list[list[Tensor | None]]) -> list[list[Tensor]]:
        """Return, for each weight, the tensors whose sum is its gradient, of its shape; none where nothing reached it.

        Args:
            parts: for each micro-batch, a gradient or None for each leaf.
        """
        gradients: list[list[Tensor]] = [[] for _ in range(self.count)]
        for leaf, (weight, cast) in enumerate(zip(self.weight_indices, self.casts, strict=True)):
            terms = [gradient for part in parts if (gradient := part[leaf]) is not None]
            if not terms:
                continue
            if cast is None or cast.view is cast.master:
                gradients[weight] += terms
            else:
                total = terms[0].float()
                for gradient in terms[1:]:
                    total = total.add_(gradient)
                gradients[weight].append(cast.gradient_of_master(total))
        return gradients


class EvaluateStep:
    """Forward and loss only; dropout off, batch statistics frozen."""

    def __init__(self, net: LoweredNet) -> None:
        self.net = net
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses(), training=False)

    @torch.no_grad()
    def __call__(self, inputs: Any, targets: Any, weight: Any = None) -> StepResult:
        """Score a batch; arguments as in `TrainStep`."""
        output = self.net(inputs, training=False)
        return StepResult(self.loss(inputs, targets, output, weight), output)
