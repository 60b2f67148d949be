"""Remarks on the curves of a finished training: its best epoch, jumps of the rate, and what the watch found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tellapart.events import EpochDone, Finding

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
    """"best", "rate" (it changes), or the kind of a `Finding`."""

    text: str


def remarks(
    history: Sequence[EpochDone],
    findings: Iterable[Finding],
    *,
    balanced: bool = False,
    score: str = "accuracy",
) -> tuple[Remark, ...]:
    """Return what is noteworthy about the curves, in the order of the epochs.

    Args:
        history: all finished epochs.
        findings: of the watch.
        balanced: whether the best epoch is the one of the best balanced accuracy.
        score: what the epochs are scored by, from `score_name`.
    """
    if not history:
        return ()
    best, what = best_epoch(history, balanced=balanced), "balanced validation" if balanced else "validation"
    notes = [Remark(best.epoch + 1, "best", f"best {what} {score}, {_score(best, balanced):.1%}")]
    notes += [
        Remark((finding.since or 0) + 1, finding.kind, f"{finding.kind}: {finding.seen}")
        for finding in findings
        if finding.epoch is not None
    ]
    notes += _rate_changes(history)
    return tuple(sorted(notes, key=lambda remark: remark.epoch))


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


def best_epoch(history: Sequence[EpochDone], *, balanced: bool = False) -> EpochDone:
    """Return the epoch with the highest validation accuracy; among equals, the one with the lowest validation loss.

    Args:
        history: at least one epoch.
        balanced: whether the accuracy is the balanced one, in which each class counts the same.
    """
    return max(history, key=lambda done: (_score(done, balanced), -done.val_loss))


def _score(done: EpochDone, balanced: bool) -> float:
    return done.val_balanced_accuracy if balanced else done.val_accuracy
