"""The course of a training so far: its epochs, its vital signs, and what a network without eyes would score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from tellapart.events import EpochDone
from tellapart.training.watch.vitals import Vitals

Z = 3.0
"""Standard errors from which on a difference is no accident."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What is scored without looking at the images, by answering with the frequencies of the classes."""

    loss: float
    """Training loss: the entropy of the class frequencies, after label smoothing."""

    at_start: float
    """Training loss of a network that gives all classes the same probability."""

    val_loss: float
    """Entropy of the class frequencies of the validation images."""

    accuracy: float
    """Share of the most frequent class among the validation images."""

    variety: float
    """How many classes the validation images have, in effect: the exponential of the entropy of their labels."""

    images: int
    """Validation images."""

    trained_on: int
    """Training images in an epoch."""

    def beaten_by(self, accuracy: float, images: int) -> bool:
        """Return whether an accuracy on so many images is above chance, by more than an accident."""
        error = sqrt(self.accuracy * (1 - self.accuracy) / images)
        return accuracy > self.accuracy + Z * error


def chance_of(
    train: NDArray[np.int64], validation: NDArray[np.int64], classes: int, smoothing: float, trained_on: int
) -> Chance:
    """Return what is scored without looking.

    Args:
        train: (N,) class indices.
        validation: (M,), the same.
        classes: number of classes.
        smoothing: label smoothing, 0 to 1.
        trained_on: training images in an epoch.
    """
    shares = np.bincount(train, minlength=classes) / len(train)
    held_out = np.bincount(validation, minlength=classes) / len(validation)
    return Chance(
        loss=entropy((1 - smoothing) * shares + smoothing / classes),
        at_start=log(classes),
        val_loss=entropy(held_out),
        accuracy=float(held_out.max()),
        variety=float(np.exp(entropy(held_out))),
        images=len(validation),
        trained_on=trained_on,
    )


def entropy(shares: NDArray[np.floating] | Sequence[float]) -> float:
    """Return the entropy of shares that add up to 1, in nats."""
    some = np.asarray(shares, float)
    some = some[some > 0]
    return float(-(some * np.log(some)).sum())


@dataclass(slots=True)
class Course:
    """All that the rules look at."""

    images: int
    """Validation images, at least 1."""

    epochs: int
    """Of the whole training."""

    chance: Chance | None = None
    """None where the labels are not at hand."""

    rate: float | None = None
    """Highest learning rate of the schedule; None: not known."""

    rate_falls: bool = False
    """Whether the schedule lowers it to zero."""

    warmup_share: float = 0.0
    """Of all steps, those in which the rate rises first."""

    augments: bool = True
    fine_tunes: bool = False
    """Whether a pretrained network is trained."""

    score: str = "accuracy"
    """What `EpochDone.val_accuracy` is; of several labels a picture, the mean average precision."""

    batch: int = 0
    """Images in a batch; 0: not known."""

    statistics_over: int | None = None
    """Images that share batch statistics; None: the network has none."""

    history: list[EpochDone] = field(default_factory=list)
    vitals: list[Vitals] = field(default_factory=list)
    """Of the last epochs; empty where nothing was measured."""

    @property
    def warmup(self) -> int:
        """Epochs in which the learning rate rises first, in part or whole."""
        return ceil(self.warmup_share * self.epochs)

    @property
    def steps(self) -> float:
        """Steps made so far; 0: not known."""
        if self.chance is None or not self.batch:
            return 0.0
        return len(self.history) * max(1.0, self.chance.trained_on / self.batch)

    @property
    def window(self) -> int:
        """Epochs that are looked at together: single ones say little."""
        return 5 if self.epochs >= LONG else 3

    def with_rate(self, factor: float) -> str:
        """Return the option of a training with another learning rate, the configured one times a factor."""
        if self.rate is None:
            return f"a {'lower' if factor < 1 else 'higher'} --learning-rate"
        return f"--learning-rate {self.rate * factor:.2g}"


LONG = 25
"""Epochs from which on the rules can wait for five."""
