"""The training step: forward, loss, gradients, update. And the evaluation step: forward and loss.

The net, the loss and the optimizer are chosen when a step is built, so that running
one decides little.
"""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.runtime.compiled import compile_on_gpu
from tellapart.runtime.cuda_graph import CudaGraphed
from tellapart.runtime.team import Team
from tellapart.training.gradient_sum import GradientSum
from tellapart.training.gradients import Leaves, VisibleGradients, without_gradients
from tellapart.training.loss import PerImageLoss, loss_of
from tellapart.training.microbatches import MicroBatches
from tellapart.training.optim.native import KerasOptimizer, optimizer_of
from tellapart.training.shares import BatchShare


class StepResult(NamedTuple):
    """Loss and output of one step."""

    loss: Tensor
    """Scalar: the mean over the batch, including regularization."""

    output: Any
    """Output of the net, (B, classes) for a classifier; of a shared batch, for this process's images."""


class Step(Protocol):
    """Learns from one batch."""

    net: LoweredNet

    def __call__(self, inputs: Any, targets: Any, *, share: BatchShare | None = None) -> StepResult:
        """Learn from inputs and targets, as in `TrainStep`."""
        ...


class TrainStep:
    """Forward, loss, gradients and update of the compiled model that `net` was lowered from."""

    def __init__(
        self,
        net: LoweredNet,
        optimizer: KerasOptimizer | None = None,
        part_size: int | None = None,
        *,
        like_keras: bool = False,
        class_weight: Sequence[float] | None = None,
        team: Team | None = None,
    ) -> None:
        """Build a step.

        Args:
            net: lowered from a compiled model.
            optimizer: updates the weights; None: the optimizer that the model was compiled with.
            part_size: images per micro-batch, which also share batch statistics; None: the whole batch.
            like_keras: whether to leave the gradients where Keras leaves them. The net then draws as Keras does.
            class_weight: (classes,), what the images of each class count in the loss, as in Keras's `fit`; an image
                with targets of several classes counts their mean. None: each image counts 1.
            team: whose processes share each batch; None: this process has all of it.
        """
        self.net, self.team = net, team
        weights = None if class_weight is None else torch.tensor(list(class_weight), dtype=torch.float32)
        self.class_weight = None if weights is None else weights.to(net.device)
        self.loss = loss_of(net.model, layer_losses=net.keeps_layer_losses())
        self.optimizer = optimizer or optimizer_of(net.model)
        records = (
            self.optimizer.recordable
            and net.recordable
            and isinstance(self.loss, PerImageLoss)
            and team is None
        )
        self.run = net if records else compile_on_gpu(net)
        self.recorded = CudaGraphed(self._learn_to_record) if records else None
        self.part_size = part_size
        self.weights = [variable.value for variable in net.model.trainable_variables]
        self.trainable = frozenset(map(id, self.weights))
        self.visible = VisibleGradients(net.model, self.weights) if like_keras else None
        self.sum = None if team is None or not self.weights else GradientSum(team, self.weights)
        if not self.weights:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)  # as Keras says

    def __call__(
        self, inputs: Any, targets: Any, weight: Any = None, *, share: BatchShare | None = None
    ) -> StepResult:
        """Learn from one batch.

        Args:
            inputs: as the model takes them; images as (B, H, W, C).
            targets: as the model's loss takes them; (B, classes) one-hot or (B,) indices.
            weight: (B,) factors on each image's loss, or None.
            share: what these are of a batch that the team shares; None: all of it.
        """
        if (
            self.recorded is not None
            and weight is None
            and torch.is_tensor(inputs)
            and torch.is_tensor(targets)
        ):
            loss, output, *gradients = self.recorded(inputs.to(self.net.device), targets.to(self.net.device))
            if self.visible is not None:
                self.visible.show([[gradient] if gradient.numel() else [] for gradient in gradients])
            return StepResult(loss, output)
        return self._learn_whole(inputs, targets, weight, share)

    def _learn_to_record(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Learn from one batch; return loss, output and, where they are to be seen, all gradients."""
        result = self._learn_whole(inputs, targets)
        if self.visible is None:
            return tuple(result)
        none = torch.empty(0)
        return (*result, *(none if weight.grad is None else weight.grad for weight in self.weights))

    def _learn_whole(
        self, inputs: Any, targets: Any, weight: Any = None, share: BatchShare | None = None
    ) -> StepResult:
        if self.class_weight is not None:
            of_class = targets.to(self.class_weight) @ self.class_weight  # (B,)
            weight = of_class if weight is None else weight * of_class
        parts = self._divide(inputs, targets, weight, share)
        frozen = self.optimizer.frozen()
        learning = self.trainable.difference(map(id, frozen))
        # A compiled net casts its weights itself: new tensors at every step would recompile it.
        cast = self.net.cast_weights(learning) if self.run is self.net and not self._is_watched() else []
        leaves = Leaves(self.weights, cast, learning)
        if self.visible is not None and (share is not None or len(parts.items) > 1):
            self.visible.clear()  # here, since parts that run at once would clear the same weights
        # Early only where every process has a single part, so that all send in the same order.
        single = len(parts.items) == 1 and (share is None or share.all_parts <= len(share.counts))
        early = self.sum if self.visible is None and single and leaves.tensors else None
        try:
            with without_gradients(frozen), early.sent_while_computed(leaves) if early else nullcontext():
                results = parts.map(lambda *part: self._learn(leaves, *part))
        finally:
            self.net.drop_cast_weights()
        losses, outputs = [loss for _, loss, _ in results], [output for _, _, output in results]
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        if self.team is not None:
            loss = self.team.summed(loss.clone())
        if self.weights:
            gradients = leaves.gradients([gradients for gradients, _, _ in results])
            gradients = gradients if self.sum is None else self.sum.summed(gradients)
            self.optimizer.apply(gradients if self.visible is None else self.visible.show(gradients))
        return StepResult(loss, outputs[0] if len(outputs) == 1 else torch.cat([o.detach() for o in outputs]))

    def _divide(self, inputs: Any, targets: Any, weight: Any, share: BatchShare | None) -> MicroBatches:
        """Return the batch in micro-batches; whole where weights have hooks, each of which sees a whole gradient."""
        like_keras = self.visible is not None
        if share is not None and self.team is not None:
            return MicroBatches.of_share(share, self.team, inputs, targets, weight, like_keras=like_keras)
        if self._is_watched():
            return MicroBatches([(inputs, targets, weight, 1.0)])
        return MicroBatches.of_batch(
            self.net, self.loss, self.part_size, inputs, targets, weight, like_keras=like_keras
        )

    def _is_watched(self) -> bool:
        return self.visible is not None and self.visible.watched()

    def _learn(
        self, leaves: Leaves, inputs: Any, targets: Any, weight: Any, share: float
    ) -> tuple[list[Tensor | None], Tensor, Any]:
        """Return the leaf gradients, the loss and the output of a micro-batch, `share` of the batch."""
        output = self.run(inputs, training=True)
        if self.visible is not None and share == 1:
            self.visible.clear()
        loss = self.loss(inputs, targets, output, weight)
        loss = loss if share == 1 else loss * share
        gradients: list[Tensor | None] = []
        if leaves.tensors:
            scaled = self.optimizer.scale_loss(loss)
            gradients = self._gradients(scaled, leaves.tensors, share)
        if self.run is not self.net and share < 1:
            # With CUDA graphs, the next micro-batch overwrites the results of this one.
            gradients = [gradient if gradient is None else gradient.clone() for gradient in gradients]
            return gradients, loss.detach().clone(), output.detach().clone()
        return gradients, loss.detach(), output

    def _gradients(self, loss: Tensor, leaves: list[Tensor], share: float) -> list[Tensor | None]:
        """Return the gradients of the leaves, as in Keras by a backward pass that reaches every tensor.

        Micro-batches run at once, so their gradients are only added up afterward.
        """
        if self.visible is None or self.recorded is not None or self.run is not self.net or share < 1:
            return list(torch.autograd.grad(loss, leaves, allow_unused=True))
        loss.backward()
        return [leaf.grad for leaf in leaves]


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
