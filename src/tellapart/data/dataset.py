"""Split and Source: labeled pictures in one form, wherever they came from.

Values only: nothing here opens a file. `data.source` makes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.errors import DataError

SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Pictures with their ids and class numbers."""

    ids: tuple[str, ...]
    """(N,) unique: a path relative to the root, or `train/00017`."""

    labels: NDArray[np.int64]
    """(N,) class numbers."""

    images: Images

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.labels) == len(self.images):
            raise DataError(
                f"{len(self.images)} pictures, {len(self.labels)} labels, {len(self.ids)} ids; "
                "each picture needs one of each."
            )
        _refuse_duplicates(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Only these rows, in this order; pixels are not copied."""
        return Split(tuple(self.ids[row] for row in rows), self.labels[rows], self.images.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labeled pictures, and what is known about them."""

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    """By name: train, validation, test. Undivided pictures are one split named train."""

    mirrors: bool
    """May a picture be flipped left-right without changing its class?"""

    image_shape: tuple[int, int, int] | None
    """(H, W, C) where all agree, else None. C is 1 for gray files too, though reading them gives three
    equal channels."""

    where: str
    """Where it was found, for people."""

    ignored: tuple[str, ...] = ()
    """What the folder holds besides and is not hidden: files whose ending is no picture's, pictures outside the class
    folders, folders beside those of splits (with a stroke at the end). Relative to the root."""

    carved: tuple[str, ...] = ()
    """Splits that the data did not come with: their pictures were held out of the training ones."""

    def __post_init__(self) -> None:
        unknown = set(self.splits) - set(SPLIT_NAMES)
        if unknown:
            raise DataError(f"Splits are {', '.join(SPLIT_NAMES)}; got {', '.join(sorted(unknown))}.")
        if len(set(self.class_names)) < len(self.class_names):
            raise DataError(f"{self.name}: a class name appears twice among {', '.join(self.class_names)}.")
        _refuse_duplicates([identifier for split in self.splits.values() for identifier in split.ids])

    def part(self, name: str) -> Split:
        """The split of that name.

        Raises:
            DataError: there is none.
        """
        if name not in self.splits:
            raise DataError(
                f"{self.where} has no {name} pictures; it has: {', '.join(self.splits)}. Choose one with --split."
            )
        return self.splits[name]

    def replace(self, **changes: Any) -> Dataset:
        """The same source with some fields changed."""
        return dataclasses.replace(self, **changes)


def _refuse_duplicates(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise DataError(f"The id {identifier!r} appears twice; each picture has its own.")
        seen.add(identifier)
