"""Events: what a training loop reports as it goes. Listeners print, save or plot them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever opens data or shows progress does not wait for torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class StepDone:
    """One batch was learned. Sums and means are over the epoch so far.

    Reading a mean waits until the step is computed; on a GPU, read it seldom.
    """

    epoch: int
    """From 0."""

    step: int
    """From 0."""

    steps: int
    """In this epoch."""

    loss_sum: float | Tensor
    right: int | Tensor
    """Images predicted correctly while they were learned."""

    pictures: int

    @property
    def loss(self) -> float:
        """Mean loss over the images."""
        return float(self.loss_sum) / self.pictures

    @property
    def accuracy(self) -> float:
        """Share of the images predicted correctly while they were learned."""
        return int(self.right) / self.pictures


@dataclass(frozen=True, slots=True)
class EpochDone:
    """One pass over the training images, and the validation scores after it."""

    epoch: int
    """From 0."""

    epochs: int
    loss: float
    """Mean over the epoch's batches, each before its update; dropout on."""

    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    """At the epoch's last step."""

    seconds: float
    """Training and validation."""

    val_recalls: tuple[float | None, ...] = ()
    """For each class, the share of its validation images predicted as it; None for a class without images."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Training was asked to stop before its end, between two steps."""

    epoch: int
    step: int
    """Steps finished in this epoch."""


Event = StepDone | EpochDone | Stopped

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""
