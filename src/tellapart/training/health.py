"""Rules that read the curves of a training: its best epoch, collapse, overfitting, jumps of the rate.

The report applies them to a finished run; a listener can apply the same rules while training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from tellapart.events import EpochDone

COLLAPSE = 0.1
"""Drop of the validation accuracy below its best, without recovery, that counts as a collapse; 0 to 1."""


NOISE = 2.0
"""Divided by the square root of the number of validation images, at most four standard errors of an accuracy. The best
of many epochs owes two or three of them to chance."""


OVERFITTING = 1.25
"""Ratio of the last validation loss to the lowest one from which on the run counts as overfitted."""


JUMP = 1.5
"""Factor between the learning rates of two epochs from which a change is remarked on ..."""


LEVEL = 1.2
"""... if the neighboring changes are smaller than this factor."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A note on the curves of a training, at one epoch."""

    epoch: int
    """From 1."""

    kind: str
    """"best", "collapse", "overfitting" or "rate"."""

    text: str


def remarks(history: Sequence[EpochDone], images: int) -> tuple[Remark, ...]:
    """Return what is noteworthy about the curves, in the order of the epochs.

    Args:
        history: all finished epochs.
        images: number of validation images.
    """
    if not history:
        return ()
    best = best_epoch(history)
    notes = [Remark(best.epoch + 1, "best", f"best validation accuracy, {best.val_accuracy:.1%}")]
    notes += _collapse(history, best, images) + _overfitting(history) + _rate_changes(history)
    return tuple(sorted(notes, key=lambda remark: remark.epoch))


def _collapse(history: Sequence[EpochDone], best: EpochDone, images: int) -> list[Remark]:
    after = [done for done in history if done.epoch > best.epoch]
    low = best.val_accuracy - max(COLLAPSE, NOISE / sqrt(images))
    if not after or max(done.val_accuracy for done in after[-3:]) > low:
        return []
    fell = next(
        done for index, done in enumerate(after) if all(later.val_accuracy <= low for later in after[index:])
    )
    return [
        Remark(
            fell.epoch + 1,
            "collapse",
            f"collapse: at least {COLLAPSE:.0%} below the best from here on; it ends at {history[-1].val_accuracy:.1%}",
        )
    ]


def _overfitting(history: Sequence[EpochDone]) -> list[Remark]:
    lowest = min(history, key=lambda done: done.val_loss)
    last = history[-1]
    if last.val_loss < OVERFITTING * lowest.val_loss or last.loss > lowest.loss:
        return []
    text = (
        f"lowest validation loss, {lowest.val_loss:.3f}; by the last epoch it has risen to {last.val_loss:.3f}, "
        f"while the training loss has fallen from {lowest.loss:.3f} to {last.loss:.3f}"
    )
    return [Remark(lowest.epoch + 1, "overfitting", text)]


def _rate_changes(history: Sequence[EpochDone]) -> list[Remark]:
    """Return the jumps between level stretches; a schedule that moves at every epoch shows on the curve anyway."""
    rates = [done.learning_rate for done in history]
    if min(rates) <= 0:
        return []
    steps = [after / before for before, after in pairwise(rates)]
    notes = []
    for index, step in enumerate(steps):
        around = [*steps[max(0, index - 1) : index], *steps[index + 1 : index + 2]]
        level = all(1 / LEVEL < other < LEVEL for other in around)
        if level and around and max(step, 1 / step) >= JUMP:
            word = "falls" if step < 1 else "rises"
            text = f"the learning rate {word} from {rates[index]:.2g} to {rates[index + 1]:.2g}"
            notes.append(Remark(history[index + 1].epoch + 1, "rate", text))
    return notes


def best_epoch(history: Sequence[EpochDone]) -> EpochDone:
    """Return the epoch with the highest validation accuracy; among equals, the one with the lowest validation loss."""
    return max(history, key=lambda done: (done.val_accuracy, -done.val_loss))
