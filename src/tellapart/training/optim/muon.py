"""Muon for filters, momentum for everything else: the update of the fast recipes.

Each convolution kernel's momentum is replaced by roughly the nearest orthogonal matrix, so that every
direction is learned at the same speed; and each kernel is rescaled to a fixed norm before the step.

Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks";
the weight normalization and the rates: KellerJordan/cifar10-airbench, airbench94_muon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import index_in, steps_taken
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

    def __init__(self, optimizer: Any, variables: Sequence[Any], rates: Rates, batch_size: int) -> None:
        super().__init__(optimizer, variables)
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
        tasks = [(self._update_filters, index, share) for index in self.filters]
        tasks.sort(key=lambda task: -self.variables[task[1]].value.numel())
        if self.momenta[0].device.type == "cpu":
            workers().map(lambda task: task[0](task[1], summed[task[1]], task[2]), tasks)
        else:
            for update, index, remaining in tasks:
                update(index, summed[index], remaining)
        for index in self.others:
            self._update_other(index, summed[index], share, step)
        steps_taken(self.optimizer).value.add_(1)

    def _update_filters(self, index: int, gradient: Tensor | None, share: float) -> None:
        if gradient is None:
            return
        with torch.no_grad():
            kernel, momentum = self.variables[index].value, self.momenta[index]
            momentum.mul_(self.rates.momentum).add_(gradient)
            direction = gradient.add(momentum, alpha=self.rates.momentum)  # Nesterov's
            outputs = kernel.shape[-1]
            kernel.mul_(outputs**0.5 / kernel.norm())
            change = orthogonal(direction.reshape(-1, outputs)).view(kernel.shape)
            kernel.add_(change, alpha=-self.rates.filters * share)

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
