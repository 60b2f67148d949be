"""The health of a training: what its curves say.

The report applies these rules to a finished run; a watch while training can apply the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, sqrt

from tellapart.errors import TellapartError
from tellapart.events import EpochDone

COLLAPSE = 0.1
"""By so much validation accuracy must have fallen below its best, for good, to be called a collapse."""


CHANCE = 2.0
"""Divided by the root of the pictures that score epochs: four standard errors at most. The best of many epochs owes two
or three of them to chance."""


OVERFITTING = 1.25
"""Validation loss at the end, by its least, from which on the network learns its pictures by heart."""


JUMP = 1.5
"""Factor between two epochs' learning rates from which a change is worth a remark ..."""


LEVEL = 1.2
"""... where before and after it they change by less than this."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a reader of the curves should know."""

    epoch: int
    """From 1."""

    kind: str
    """"best", "collapse", "overfitting" or "rate"."""

    text: str


def remarks(history: Sequence[EpochDone], pictures: int) -> tuple[Remark, ...]:
    """In the order of their epochs.

    Args:
        history: every epoch.
        pictures: how many scored each.
    """
    if not history:
        return ()
    best = best_epoch(history)
    found = [Remark(best.epoch + 1, "best", f"best validation accuracy, {best.val_accuracy:.1%}")]
    found += _collapse(history, best, pictures) + _overfitting(history) + _rate_changes(history)
    return tuple(sorted(found, key=lambda remark: remark.epoch))


def _collapse(history: Sequence[EpochDone], best: EpochDone, pictures: int) -> list[Remark]:
    after = [done for done in history if done.epoch > best.epoch]
    low = best.val_accuracy - max(COLLAPSE, CHANCE / sqrt(pictures))
    if not after or max(done.val_accuracy for done in after[-3:]) > low:
        return []
    fell = next(
        done for index, done in enumerate(after) if all(later.val_accuracy <= low for later in after[index:])
    )
    return [
        Remark(
            fell.epoch + 1,
            "collapse",
            f"collapse: from here on at least {COLLAPSE:.0%} below the best, {history[-1].val_accuracy:.1%} at the end",
        )
    ]


def _overfitting(history: Sequence[EpochDone]) -> list[Remark]:
    least = min(history, key=lambda done: done.val_loss)
    last = history[-1]
    if last.val_loss < OVERFITTING * least.val_loss or last.loss > least.loss:
        return []
    text = (
        f"least validation loss, {least.val_loss:.3f}; at the end it is {last.val_loss:.3f}, "
        "though the training loss is at its least"
    )
    return [Remark(least.epoch + 1, "overfitting", text)]


def _rate_changes(history: Sequence[EpochDone]) -> list[Remark]:
    """Jumps between level stretches; a schedule that moves at every epoch is on the curve anyway."""
    rates = [done.learning_rate for done in history]
    if min(rates) <= 0:
        return []
    steps = [after / before for before, after in pairwise(rates)]
    found = []
    for index, step in enumerate(steps):
        around = [*steps[max(0, index - 1) : index], *steps[index + 1 : index + 2]]
        level = all(1 / LEVEL < other < LEVEL for other in around)
        if level and around and max(step, 1 / step) >= JUMP:
            word = "falls" if step < 1 else "rises"
            text = f"the learning rate {word} from {rates[index]:.2g} to {rates[index + 1]:.2g}"
            found.append(Remark(history[index + 1].epoch + 1, "rate", text))
    return found


def best_epoch(history: Sequence[EpochDone]) -> EpochDone:
    """The epoch with the best validation accuracy; among equals, the one with the least validation loss."""
    return max(history, key=lambda done: (done.val_accuracy, -done.val_loss))


def refuse_divergence(event: EpochDone) -> None:
    """Refuse an epoch whose loss became NaN or infinite.

    Raises:
        TellapartError: with the next step.
    """
    if not (isfinite(event.loss) and isfinite(event.val_loss)):
        raise TellapartError(
            f"The training diverged in epoch {event.epoch + 1}: training loss {event.loss}, validation loss "
            f"{event.val_loss}. Its weights are useless. Check the labels; in Python, pass a TrainConfig with a "
            "smaller optimizer.learning_rate as the recipe."
        )
