"""The watch over a training: it applies every rule after each epoch, and tells each kind of trouble once."""

from collections.abc import Callable, Collection, Iterator, Sequence

from tellapart.events import EpochDone, Finding, FindingKind
from tellapart.training.watch.course import Course
from tellapart.training.watch.curves import collapse, few_classes, going_backwards, overfitting
from tellapart.training.watch.learning import labels_not_learned, rate_too_high, rate_too_low
from tellapart.training.watch.network import batch_too_small, dead_units, falls_apart, input_scale, updates
from tellapart.training.watch.vitals import Vitals

Rule = Callable[[Course], Finding | None]

RULES: tuple[Rule, ...] = (
    input_scale,
    rate_too_high,
    rate_too_low,
    batch_too_small,
    falls_apart,
    dead_units,
    updates,
    labels_not_learned,
    few_classes,
    going_backwards,
    collapse,
    overfitting,
)
"""Causes before what follows from them."""

RULES_OF_CURVES: tuple[Rule, ...] = (going_backwards, collapse, overfitting)
"""Rules that need nothing but the epochs."""

EXPLAINS: dict[FindingKind, tuple[FindingKind, ...]] = {
    "inputs not normalized": (
        "learning rate too high",
        "learning rate too low",
        "dead units",
        "exploding updates",
        "vanishing updates",
        "no better than chance",
        "few classes predicted",
    ),
    "learning rate too high": (
        "dead units",
        "exploding updates",
        "vanishing updates",
        "no better than chance",
        "few classes predicted",
    ),
    "learning rate too low": ("no better than chance", "few classes predicted"),
    "batch too small": ("train/inference gap",),
    "dead units": ("vanishing updates", "no better than chance", "few classes predicted"),
    "no better than chance": ("few classes predicted", "overfitting"),
}
"""Kind -> kinds that follow from it, and are not told after it."""


class Watch:
    """Tells what goes wrong, each kind once."""

    def __init__(
        self, course: Course, told: Collection[FindingKind] = (), rules: Sequence[Rule] = RULES
    ) -> None:
        """Begin to watch.

        Args:
            course: so far; it is added to.
            told: kinds that were told before, in an earlier session of a resumed training.
            rules: to apply, causes first.
        """
        self.course, self.rules, self.told = course, rules, set(told)

    def after(self, done: EpochDone, vitals: Vitals | None = None) -> Iterator[Finding]:
        """Yield what is new after an epoch; `vitals` are None where nothing was measured."""
        self.course.history.append(done)
        if vitals is not None:
            self.course.vitals.append(vitals)
        for rule in self.rules:
            finding = rule(self.course)
            if finding is None or finding.kind in self.told or self._explained(finding.kind):
                continue
            self.told.add(finding.kind)
            yield finding

    def _explained(self, kind: FindingKind) -> bool:
        return any(kind in EXPLAINS.get(told, ()) for told in self.told)


def findings_of_curves(history: Sequence[EpochDone], course: Course) -> tuple[Finding, ...]:
    """Return what the rules of curves would have told while these epochs were trained.

    Args:
        history: finished epochs.
        course: of the training, before its first epoch.
    """
    watch = Watch(course, rules=RULES_OF_CURVES)
    return tuple(finding for done in history for finding in watch.after(done))
