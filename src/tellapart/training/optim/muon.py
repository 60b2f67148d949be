"""Muon for filters, momentum for everything else: the update of the fast recipes.

Each convolution kernel's momentum is replaced by roughly the nearest orthogonal matrix, so that every
direction is learned at the same speed; and each kernel is rescaled to a fixed norm before the step.

Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks";
the weight normalization and the rates: KellerJordan/cifar10-airbench, airbench94_muon.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import index_in, steps_taken
from tellapart.runtime.team import Team
from tellapart.runtime.workers import workers
from tellapart.training.optim.native import KerasOptimizer


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates before the schedule, and its length."""

    filters: float
    """Learning rate of Muon, per step."""

    momentum: float
    """Momentum of Muon."""

    biases: float
    """Learning rate of the biases, per step and image: the loss is summed over the batch."""

    head: float
    """Learning rate of the last kernel, per step and image."""

    weight_decay: float
    """Weight decay of biases and head, per step."""

    steps: int
    """Steps of the whole training, over which every rate falls linearly to zero."""

    whitening_steps: int
    """Steps after which the whitening layer's bias is frozen; until then its rate falls linearly to zero."""


class MuonOptimizer(KerasOptimizer):
    """Muon for a model compiled with Keras's SGD with momentum, in whose state it keeps its momenta.

    A checkpoint therefore holds all of its state, and Keras alone can train the saved model further. Steps
    are also counted here, so that nothing waits for a GPU to read their number.
    """

    def __init__(
        self,
        optimizer: Any,
        variables: Sequence[Any],
        rates: Rates,
        batch_size: int,
        team: Team | None = None,
    ) -> None:
        super().__init__(optimizer, variables)
        self.team = team
        if not optimizer.built:
            optimizer.build(self.variables)
        self.rates, self.batch_size = rates, batch_size
        self.step = int(optimizer.iterations)
        self.momenta = [optimizer.momentums[index_in(optimizer, v)].value for v in self.variables]
        self.filters = [i for i, v in enumerate(self.variables) if len(v.shape) == 4]
        self.others = [i for i in range(len(self.variables)) if i not in self.filters]
        self.whitening = [v.value for v in self.variables if "whitening/" in v.path]

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the mean times the batch size: the sum, as if a smaller last batch were whole."""
        return loss * self.batch_size

    def frozen(self) -> Sequence[Tensor]:
        """Return the whitening layer's bias once it is frozen, so that the backward pass ends at the first filters."""
        return self.whitening if self.step >= self.rates.whitening_steps else ()

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once; arguments as in `KerasOptimizer.apply`."""
        step, self.step = self.step, self.step + 1
        share = max(0.0, 1 - step / self.rates.steps)
        summed = [sum(parts[1:], parts[0].float()) if parts else None for parts in gradients]
        filters = [(index, gradient) for index in self.filters if (gradient := summed[index]) is not None]
        filters.sort(key=lambda each: -each[1].numel())
        if self.team is None:
            self._each(
                lambda index, gradient: self._move(index, self._change(index, gradient), share), filters
            )
        else:
            changes = self._changes_of_team(filters, self.team)
            self._each(lambda index, _: self._move(index, changes[index], share), filters)
        for index in self.others:
            self._update_other(index, summed[index], share, step)
        steps_taken(self.optimizer).value.add_(1)

    def _each(self, work: Callable[[int, Tensor], None], filters: list[tuple[int, Tensor]]) -> None:
        """Do something for each kernel; on processors one a thread."""
        if self.momenta[0].device.type == "cpu":
            workers().map(torch.no_grad()(lambda each: work(*each)), filters)
        else:
            for index, gradient in filters:
                work(index, gradient)

    def _direction(self, index: int, gradient: Tensor) -> Tensor:
        """Take a gradient into the momentum; return the direction, (inputs, outputs)."""
        momentum = self.momenta[index].mul_(self.rates.momentum).add_(gradient)
        direction = gradient.add(momentum, alpha=self.rates.momentum)  # Nesterov's
        return direction.reshape(
            -1, direction.shape[-1]
        ).contiguous()  # sums in one order, whatever the memory's

    def _change(self, index: int, gradient: Tensor) -> Tensor:
        return orthogonal(self._direction(index, gradient))

    def _move(self, index: int, change: Tensor, share: float) -> None:
        kernel = self.variables[index].value
        kernel.mul_(kernel.shape[-1] ** 0.5 / kernel.norm())
        kernel.add_(change.view(kernel.shape), alpha=-self.rates.filters * share)

    def _changes_of_team(self, filters: list[tuple[int, Tensor]], team: Team) -> dict[int, Tensor]:
        """Return each kernel's orthogonal change: each process computes some of them, and sends them in bfloat16, which
        is all the precision that they have.

        Source: Liu et al. 2025, "Muon is scalable for LLM training", arXiv:2502.16982, which divides them likewise.
        """
        sizes = [gradient.numel() for _, gradient in filters]
        device = self.momenta[0].device
        flat = torch.zeros(sum(sizes) + sum(sizes) % 2, dtype=torch.bfloat16, device=device)
        places = dict(zip((index for index, _ in filters), flat[: sum(sizes)].split(sizes), strict=True))
        owners = _owners([gradient for _, gradient in filters], team.size)
        own = {index for (index, _), rank in zip(filters, owners, strict=True) if rank == team.rank}

        def work(index: int, gradient: Tensor) -> None:
            direction = self._direction(index, gradient)
            if index in own:
                places[index].copy_(orthogonal(direction).view(-1))

        self._each(work, filters)
        team.summed(flat.view(torch.int32))  # one process has the bits, the others zeros
        return {index: place.float() for index, place in places.items()}

    def _update_other(self, index: int, gradient: Tensor | None, share: float, step: int) -> None:
        variable, rates = self.variables[index], self.rates
        rate = rates.head if len(variable.shape) == 2 else rates.biases
        remaining = share
        if "whitening/" in variable.path:
            remaining = 1 - step / rates.whitening_steps if step < rates.whitening_steps else 0.0
        if gradient is None or remaining <= 0:
            return
        weight, momentum = variable.value, self.momenta[index]
        gradient = gradient.add(weight, alpha=rates.weight_decay / rate)
        momentum.mul_(self.optimizer.momentum).add_(gradient)
        weight.add_(gradient.add_(momentum, alpha=self.optimizer.momentum), alpha=-rate * remaining)


def _owners(kernels: Sequence[Tensor], size: int) -> list[int]:
    """Return which process computes each kernel's change, for about the same work; kernels come largest first."""
    loads = [0] * size
    owners = []
    for kernel in kernels:
        outputs = kernel.shape[-1]
        inputs = kernel.numel() // outputs
        rank = loads.index(min(loads))
        loads[rank] += inputs * outputs * min(inputs, outputs)
        owners.append(rank)
    return owners


def orthogonal(matrix: Tensor, steps: int = 3) -> Tensor:
    """Return the matrix with its singular values brought near 1, by Newton-Schulz steps in bfloat16.

    Args:
        matrix: (m, n).
        steps: number of iterations; three leave singular values between about 0.5 and 1.5, which is enough.

    Source: Jordan et al. 2024, whose coefficients rise fastest at zero.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).float()
