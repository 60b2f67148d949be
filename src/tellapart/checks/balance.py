"""Balance: how many pictures each class has in each split, and which classes are missing where."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.findings import Finding
from tellapart.data import multi_label
from tellapart.data.dataset import Dataset
from tellapart.metrics.scores import UNEQUAL
from tellapart.text import counted

NAMED = 5
"""Classes that a finding names."""


def class_counts(dataset: Dataset) -> dict[str, NDArray[np.int64]]:
    """Return split -> (classes,) pictures of each class; of several labels a picture, of each label."""
    classes = len(dataset.class_names)
    return {name: multi_label.class_counts(split.labels, classes) for name, split in dataset.splits.items()}


def findings_of_balance(dataset: Dataset, alone: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with the numbers of pictures.

    Args:
        dataset: as opened.
        alone: whether it is one split of several, of which nothing else is looked at.
    """
    counts, names = class_counts(dataset), dataset.class_names
    total = np.sum(list(counts.values()), axis=0)
    if alone:
        yield from () if dataset.multi_label else imbalance(total, names)
        return
    if "train" not in counts or not counts["train"].sum():
        yield Finding(kind="no training pictures", seen=f"the data has only: {', '.join(counts)}")
        return
    if (total > 0).sum() < 2:
        only = [names[label] for label in np.flatnonzero(total)]
        yield Finding(kind="single class", seen=f"all pictures are labeled {only[0]}")
        return
    untrained = [names[label] for label in np.flatnonzero((counts["train"] == 0) & (total > 0))]
    if untrained:
        yield Finding(kind="missing class", seen=f"no training picture is labeled {_listed(untrained)}")
    for split, of_split in counts.items():
        missing = [names[label] for label in np.flatnonzero((of_split == 0) & (counts["train"] > 0))]
        if missing and of_split.sum():
            yield Finding(kind="unscored class", seen=f"no {split} picture is labeled {_listed(missing)}")
    if not dataset.multi_label:  # labels that do not exclude each other need not be equally common
        yield from imbalance(counts["train"], names)


def imbalance(counts: NDArray[np.int64], names: tuple[str, ...]) -> Iterator[Finding]:
    """Yield that the rarest class has far fewer pictures than the commonest.

    Args:
        counts: (classes,) pictures of each.
        names: of the classes.
    """
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return
    rarest = present[counts[present].argmin()]
    commonest = int(counts.argmax())
    if counts[commonest] >= UNEQUAL * counts[rarest]:
        share = counts[commonest] / counts.sum()
        yield Finding(
            kind="imbalance",
            seen=(
                f"{counted(int(counts[rarest]), 'picture')} of {names[rarest]}, {counts[commonest]:,} of "
                f"{names[commonest]}: always answering {names[commonest]} would be right {100 * share:.0f}% of the time"
            ),
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
