"""Curves: what happened at which epoch, said beside the curve."""

from collections.abc import Sequence
from dataclasses import dataclass

from tellapart.events import EpochDone


@dataclass(frozen=True, slots=True)
class SlowClass:
    """How soon a class was learned."""

    name: str
    learned_at: int | None
    """The first epoch, from 1, from which on its recall stayed at nine tenths of its best; None: never."""

    recalls: tuple[float, ...]
    """By epoch, on the pictures that score epochs."""


def slow_classes(history: Sequence[EpochDone], class_names: Sequence[str]) -> tuple[SlowClass, ...]:
    """Every class, the last to be learned first; none where epochs were not scored by class."""
    if not history or any(len(done.val_recalls) != len(class_names) for done in history):
        return ()
    found = []
    for index, name in enumerate(class_names):
        recalls = tuple(done.val_recalls[index] for done in history)
        found.append(SlowClass(name, _learned_at(recalls), recalls))
    never = len(history) + 1
    return tuple(sorted(found, key=lambda one: (-(one.learned_at or never), one.recalls[-1])))


def _learned_at(recalls: Sequence[float]) -> int | None:
    enough = 0.9 * max(recalls)
    if recalls[-1] < enough or not enough:
        return None
    below = [epoch for epoch, recall in enumerate(recalls, 1) if recall < enough]
    return 1 if not below else below[-1] + 1
