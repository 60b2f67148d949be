"""Early end: what ends a training before its last epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from tellapart.events import EpochDone


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Whether a training ends after the epochs that are finished; called with them."""

    target: float | None = None
    """Validation accuracy at which it ends, 0 to 1; None: at none."""

    patience: int | None = None
    """Epochs in a row without a better validation score after which it ends; None: it goes on."""

    balanced: bool = False
    """Whether the score is the balanced accuracy."""

    def __call__(self, history: Sequence[EpochDone]) -> bool:
        """Return whether the training ends here."""
        if not history:
            return False
        return self.reached(history[-1]) or self.without_gain(history)

    def reached(self, last: EpochDone) -> bool:
        """Return whether an epoch's validation accuracy has reached the target."""
        return self.target is not None and last.val_accuracy >= self.target

    def without_gain(self, history: Sequence[EpochDone]) -> bool:
        """Return whether no epoch of the last ones has a better score than those before."""
        if self.patience is None or not history:
            return False
        scores = [done.val_balanced_accuracy if self.balanced else done.val_accuracy for done in history]
        return len(scores) - 1 - scores.index(max(scores)) >= self.patience
