"""Curves: at which epoch each class was learned."""

from collections.abc import Sequence
from dataclasses import dataclass

from tellapart.events import EpochDone

LEARNED = 0.9
"""Share of its best recall that a class must keep to count as learned."""


@dataclass(frozen=True, slots=True)
class SlowClass:
    """How soon a class was learned."""

    name: str
    learned_at: int | None
    """The first epoch, from 1, from which on its recall stayed at or above LEARNED of its best; None: never."""

    recalls: tuple[float, ...]
    """One per epoch, on the images that score epochs."""


def slow_classes(history: Sequence[EpochDone], class_names: Sequence[str]) -> tuple[SlowClass, ...]:
    """Return the classes, the last to be learned first.

    Classes without validation images are left out; so are all where epochs have no recall per class.
    """
    if not history or any(len(done.val_recalls) != len(class_names) for done in history):
        return ()
    classes = []
    for index, name in enumerate(class_names):
        recalls = tuple(recall for done in history if (recall := done.val_recalls[index]) is not None)
        if len(recalls) == len(history):
            classes.append(SlowClass(name, _learned_at(recalls), recalls))
    never = len(history) + 1
    return tuple(sorted(classes, key=lambda slow: (-(slow.learned_at or never), slow.recalls[-1])))


def _learned_at(recalls: Sequence[float]) -> int | None:
    enough = LEARNED * max(recalls)
    if recalls[-1] < enough or not enough:
        return None
    below = [epoch for epoch, recall in enumerate(recalls, 1) if recall < enough]
    return 1 if not below else below[-1] + 1
