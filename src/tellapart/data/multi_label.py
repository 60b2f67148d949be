"""Several labels a picture: what its targets are, and how they are counted and written.

Targets of one label a picture are class numbers (N,) int64; of several, (N, labels) float32 of 0 and 1. Which of both
they are shows in their shape, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def are_several(labels: NDArray[Any]) -> bool:
    """Return whether labels are targets (N, labels) of 0 and 1, and not class numbers (N,)."""
    return labels.ndim == 2


def targets_of(rows: Sequence[Iterable[str]], class_names: Sequence[str]) -> NDArray[np.float32]:
    """Return targets (N, labels) of the names of each row.

    Args:
        rows: N collections of names.
        class_names: in the order of the columns.
    """
    number_of = {name: number for number, name in enumerate(class_names)}
    targets = np.zeros((len(rows), len(class_names)), np.float32)
    for row, names in enumerate(rows):
        for name in names:
            targets[row, number_of[name]] = 1
    return targets


def class_counts(labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return how many pictures have each label, (classes,), whichever kind of labels these are."""
    if are_several(labels):
        return labels.sum(0).astype(np.int64)
    return np.bincount(labels, minlength=classes)


def names_of(label: Any, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of one picture's labels: of its class number, or of its row of 0 and 1."""
    if np.ndim(label) == 0:
        return (class_names[int(label)],)
    return tuple(class_names[number] for number in np.flatnonzero(label).tolist())


def label_text(label: Any, class_names: Sequence[str]) -> str:
    """Return one picture's label as a file records it: a name; of several, a JSON list of names."""
    if np.ndim(label) == 0:
        return class_names[int(label)]
    return json.dumps(names_of(label, class_names), ensure_ascii=False)


def recorded_names(texts: Iterable[str], *, several: bool) -> set[str]:
    """Return every name that appears in texts of `label_text`."""
    return {name for text in texts for name in (json.loads(text) if several else [text])}


def in_words(names: Sequence[str]) -> str:
    """Return one picture's labels for people: `cat, dog`, or `no label`."""
    return ", ".join(names) or "no label"
