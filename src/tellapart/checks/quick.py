"""Quick: what a training can tell of its decoded pictures in a second: copies, conflicting labels, blank pictures.

Near copies and wrong labels take longer: `tellapart check` looks for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.copies import blank_images, equal_images
from tellapart.data.store import ImageStore

COMPARED = (("validation", "train"), ("test", "train"), ("test", "validation"))
"""A split, and the one of which it should hold no copies."""


class Place(NamedTuple):
    """An image: its split, and its row in it."""

    split: str
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class QuickCheck:
    """What was found in the splits of a training."""

    copies: Mapping[tuple[str, str], Mapping[int, int]]
    """(Split, other split) of COMPARED -> row -> row of the first equal image in the other split."""

    conflicts: tuple[tuple[Place, Place], ...]
    """Images with the same pixels as an earlier one and another label, after that one."""

    blank: Mapping[str, NDArray[np.int64]]
    """Split -> rows of images of one color."""

    def copied(self, split: str) -> list[int]:
        """Return the rows of a split whose image is in a split that comes before it."""
        return sorted({row for (name, _), rows in self.copies.items() if name == split for row in rows})

    def doubtful(self, split: str) -> list[int]:
        """Return the other rows of a split that have another label elsewhere, or show nothing."""
        rows = {place.row for pair in self.conflicts for place in pair if place.split == split}
        rows |= set(self.blank.get(split, np.empty(0, np.int64)).tolist())
        return sorted(rows - set(self.copied(split)))


def quick_check(stores: Mapping[str, ImageStore]) -> QuickCheck:
    """Look at every image of the splits, decoded to one shape."""
    names = list(stores)
    first = equal_images([stores[name].images for name in names])
    starts = np.cumsum([0, *(len(stores[name]) for name in names)])
    labels = np.concatenate([stores[name].labels for name in names])

    def place(number: int) -> Place:
        split = int(np.searchsorted(starts, number, side="right")) - 1
        return Place(names[split], int(number - starts[split]))

    repeats = np.flatnonzero(first != np.arange(len(first)))
    differs = labels[repeats] != labels[first[repeats]]
    differing = repeats[differs.any(1) if differs.ndim == 2 else differs]
    return QuickCheck(
        {
            (name, other): _copies(first, starts, names.index(name), names.index(other))
            for name, other in COMPARED
            if name in stores and other in stores
        },
        tuple((place(first[number]), place(number)) for number in differing),
        {name: np.flatnonzero(blank_images(stores[name].images)) for name in names},
    )


def _copies(first: NDArray[np.int64], starts: NDArray[np.int64], split: int, other: int) -> dict[int, int]:
    """Return row -> row of the first equal image in the other split.

    Args:
        first: (images,), from `equal_images`.
        starts: where each split begins.
        split: whose rows are looked at.
        other: in which equal images are looked for.
    """
    ours, theirs = first[starts[split] : starts[split + 1]], first[starts[other] : starts[other + 1]]
    groups, rows = np.unique(theirs, return_index=True)
    places = np.searchsorted(groups, ours).clip(max=max(len(groups) - 1, 0))
    found = np.flatnonzero(groups[places] == ours) if len(groups) else np.empty(0, np.int64)
    return {int(row): int(rows[places[row]]) for row in found}
