"""Events that a training loop yields. Listeners print, save or plot them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tellapart.pages.card import Card, Facts, Readable

if TYPE_CHECKING:  # opening data and showing progress need no torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class StepDone(Readable):
    """A training step was finished. Sums and means are over the epoch so far.

    Reading a mean waits until the step is computed; on a GPU, read it rarely.
    """

    epoch: int
    """From 0."""

    step: int
    """From 0."""

    steps: int
    """Number of steps in this epoch."""

    epochs: int
    """Number of epochs in all."""

    loss_sum: float | Tensor
    right: int | Tensor
    """Images classified correctly while training."""

    pictures: int

    @property
    def loss(self) -> float:
        """Mean loss over the images."""
        return float(self.loss_sum) / self.pictures

    @property
    def accuracy(self) -> float:
        """Share of the images classified correctly while training."""
        return int(self.right) / self.pictures


@dataclass(frozen=True, slots=True)
class EpochDone(Readable):
    """An epoch was finished: one pass over the training images, then validation."""

    epoch: int
    """From 0."""

    epochs: int
    loss: float
    """Mean training loss over the epoch, each batch before its update and with dropout."""

    accuracy: float
    """Share of the images classified correctly while training; of several labels an image, in all of them."""

    val_loss: float
    val_accuracy: float
    """Of several labels an image, the mean average precision."""

    learning_rate: float
    """Learning rate of the epoch's last step."""

    seconds: float
    """Seconds of training and validation."""

    val_recalls: tuple[float | None, ...] = ()
    """For each class, the share of its validation images predicted as it; None for a class without images."""

    val_answers: tuple[int, ...] = ()
    """For each class, how many validation images were predicted as it; empty in runs of earlier versions."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Further metrics that a network of one's own was compiled with, by the names that Keras logs."""

    multi_label: bool = False
    """Whether an image may have several labels, so that some figures have other meanings and names."""

    @property
    def val_balanced_accuracy(self) -> float:
        """Mean of the recalls of the classes that have validation images; in runs without recalls, the accuracy."""
        recalls = [recall for recall in self.val_recalls if recall is not None]
        return sum(recalls) / len(recalls) if recalls else self.val_accuracy

    @property
    def in_words(self) -> str:
        """The epoch with its figures, in a line."""
        names = OF_SEVERAL_LABELS if self.multi_label else {}
        accuracy, val_accuracy = (names.get(name, name) for name in ("accuracy", "val_accuracy"))
        more = "".join(f", {name} {value:.4f}" for name, value in self.metrics.items())
        return (
            f"Epoch {self.epoch + 1}/{self.epochs}: loss {self.loss:.4f}, {accuracy} {self.accuracy:.4f}, "
            f"val_loss {self.val_loss:.4f}, {val_accuracy} {self.val_accuracy:.4f}{more} ({self.seconds:.1f} s)"
        )

    def _parts(self) -> list[str]:
        return [self.in_words]

    def _card(self) -> Card:
        values = epoch_values(self, multi_label=self.multi_label)
        return Card("EpochDone", self.in_words, [Facts(list(values.items()))])


def score_name(multi_label: bool) -> str:
    """Return in words what `val_accuracy` of an epoch is."""
    return "mean average precision" if multi_label else "accuracy"


OF_SEVERAL_LABELS = {
    "accuracy": "exact_match",
    "val_accuracy": "val_mean_average_precision",
    "val_recalls": "val_average_precisions",
    "val_answers": "val_given",
}
"""Field of EpochDone -> what it is called in a training on several labels a picture, where it means this."""


def epoch_values(done: EpochDone, *, multi_label: bool) -> dict[str, Any]:
    """Return an epoch as plain values by the names that people read; it counts from 1 there."""
    names = OF_SEVERAL_LABELS if multi_label else {}
    values = {**asdict(done), "epoch": done.epoch + 1}
    values.pop("multi_label")
    return {names.get(name, name): value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class FeaturesDone(Readable):
    """The features of a split's images, in all views, are computed."""

    split: str
    pictures: int
    views: int
    seconds: float


@dataclass(frozen=True, slots=True)
class HeadFitted(Readable):
    """A linear head is fitted, its penalty chosen on images that it was not fitted to."""

    penalty: float
    val_loss: float
    val_accuracy: float
    val_pictures: int
    """Images that the penalty was chosen on."""

    folds: int | None
    """Of the cross-validation; None: on held-out images."""

    path: tuple[dict[str, float], ...]
    """Every penalty tried, with its loss and accuracy."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FineTuningSkipped(Readable):
    """The network below a fitted head was not trained further."""

    reason: str
    """A clause, without a full stop."""

    can_be_asked_for: bool = True
    """Whether fine_tune="on" would try it."""


@dataclass(frozen=True, slots=True)
class FineTuned(Readable):
    """The network below a fitted head was trained further, and compared with the head alone on held-out images."""

    kept: bool
    """Whether the fine-tuned network is the model; otherwise it is the head on the frozen network."""

    head_val_loss: float
    """Mean cross-entropy of the head alone. Both losses are after calibration."""

    head_val_accuracy: float
    val_pictures: int
    seconds: float
    val_loss: float | None = None
    """Of the fine-tuned network; this and what follows is None where its loss became NaN or infinite."""

    val_accuracy: float | None = None
    only_head_correct: int | None = None
    """Held-out images that only the head alone predicts correctly."""

    only_tuned_correct: int | None = None
    """Held-out images that only the fine-tuned network predicts correctly."""


@dataclass(frozen=True, slots=True)
class Diverged(Readable):
    """Loss or weights became NaN or infinite; the training went back to its last finite state."""

    epoch: int
    """In which it happened, from 0."""

    back_to: int
    """Epochs that were finished in the state it went back to."""

    rate_factor: float | None
    """What learning rates are multiplied by from there on; None: it was the second time, and the training ends."""

    @property
    def in_words(self) -> str:
        """Where the training goes on, or that it ends."""
        met = f"in epoch {self.epoch + 1}: the loss or weights became NaN or infinite."
        back = f"the end of epoch {self.back_to}" if self.back_to else "the beginning"
        if self.rate_factor is not None:
            return f"Training diverged {met} Resuming from {back} at {self.rate_factor:g} times the learning rate."
        kept = f"Epochs up to {self.back_to} are kept." if self.back_to else "No epoch was finished."
        return f"Training diverged again {met} It ends here. {kept}"


FindingKind = Literal[
    "data leak",
    "conflicting labels",
    "unequal classes",
    "blank pictures",
    "damaged shards",
    "inputs not normalized",
    "learning rate too high",
    "learning rate too low",
    "batch too small",
    "train/inference gap",
    "dead units",
    "exploding updates",
    "vanishing updates",
    "no better than chance",
    "few classes predicted",
    "accuracy collapse",
    "overfitting",
]
"""What can go wrong with a training."""


@dataclass(frozen=True, slots=True)
class Finding(Readable):
    """Something goes wrong with a training. Each kind is told once."""

    kind: FindingKind

    epoch: int | None
    """After which it was noticed, from 0; None: before the first."""

    since: int | None
    """The epoch in which it began, from 0."""

    seen: str
    """What was seen, with its figures: a clause without a full stop."""

    advice: str
    """What to do: a sentence without its full stop."""

    @property
    def in_words(self) -> str:
        """What was seen and when, and what to do."""
        if self.epoch is None:
            return f"{self.kind.capitalize()}: {self.seen}. {self.advice}."
        when = f"epoch {self.epoch + 1}"
        if self.since is not None and 0 < self.since < self.epoch:
            when = f"since epoch {self.since + 1}, noticed in {when}"
        return f"{self.kind.capitalize()} ({when}): {self.seen}. {self.advice}."

    def _parts(self) -> list[str]:
        return [self.in_words]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; epochs count from 1 there."""
        epochs = {
            name: None if number is None else number + 1
            for name, number in (("epoch", self.epoch), ("since", self.since))
        }
        return {**asdict(self), **epochs, "in_words": self.in_words}


@dataclass(frozen=True, slots=True)
class Replanned(Readable):
    """A training with a number of minutes has more or fewer steps than planned: the machine is faster or slower."""

    step: int
    """Steps finished."""

    before: int
    """Steps in all, as planned before."""

    steps: int
    """Steps in all from here on."""

    step_seconds: float
    """What a step takes now."""

    measured_seconds: float
    """What a step took when it was measured beforehand."""

    outlook: str = ""
    """The forecast for so many steps, in words; empty where there is none."""

    @property
    def in_words(self) -> str:
        """The new number of steps, and why."""
        than = "slower" if self.steps < self.before else "faster"
        outlook = f" Forecast now: {self.outlook}." if self.outlook else ""
        return (
            f"New plan after step {self.step:,}: {self.steps:,} steps instead of {self.before:,}. The machine is "
            f"{than} than planned for: {self.step_seconds:.3g} s a step, measured beforehand "
            f"{self.measured_seconds:.3g} s.{outlook}"
        )

    def _parts(self) -> list[str]:
        return [self.in_words]


@dataclass(frozen=True, slots=True)
class Stopped(Readable):
    """Training was stopped before its end, between two steps."""

    epoch: int
    step: int
    """Steps finished in this epoch."""


Event = (
    StepDone
    | EpochDone
    | FeaturesDone
    | HeadFitted
    | FineTuningSkipped
    | FineTuned
    | Diverged
    | Finding
    | Replanned
    | Stopped
)

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
