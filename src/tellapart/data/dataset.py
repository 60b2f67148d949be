"""Split and Dataset: labeled images in one form, wherever they came from.

Values only: nothing here opens a file. `data.open.open_dataset` makes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.data.multi_label import are_several
from tellapart.data.types import ImageShape
from tellapart.errors import DataError

SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images with their ids and class numbers."""

    ids: tuple[str, ...]
    """(N,) unique: a path relative to the root, or `train/00017`."""

    labels: NDArray[Any]
    """(N,) int64 class numbers; or (N, labels) float32 of 0 and 1, where a picture may have several labels."""

    images: Images

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.labels) == len(self.images):
            raise DataError(
                f"A split needs one label and one id for each picture; got {len(self.images)} pictures, "
                f"{len(self.labels)} labels, {len(self.ids)} ids."
            )
        _check_unique(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Return only these rows, in this order; pixels are not copied."""
        return Split(tuple(self.ids[row] for row in rows), self.labels[rows], self.images.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labeled images, and what is known about them."""

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    """By name: train, validation, test. An undivided data set is one split named train."""

    mirrors: bool
    """Whether an image may be flipped left-right without changing its class."""

    image_shape: ImageShape | None
    """(H, W, C) where all images agree, else None. C is 1 for gray files too, though decoding them gives
    three equal channels."""

    where: str
    """The place the images come from, for people."""

    ignored: tuple[str, ...] = ()
    """Visible entries of a folder that are not in the data set: files with another suffix than an image's, images
    outside the class folders, folders beside those of splits (with a slash at the end). Relative to the root."""

    carved: tuple[str, ...] = ()
    """Splits that the data came without: their images were held out of the training split."""

    notices: tuple[str, ...] = ()
    """What people should know about how it was read: sentences without their full stops."""

    numbered: bool = False
    """Whether the data has its classes as numbers 0, 1, 2, ..., in this order; otherwise their names are all it has."""

    def __post_init__(self) -> None:
        unknown = set(self.splits) - set(SPLIT_NAMES)
        if unknown:
            raise DataError(f"Splits are {', '.join(SPLIT_NAMES)}; got {', '.join(sorted(unknown))}.")
        if len(set(self.class_names)) < len(self.class_names):
            raise DataError(f"{self.name}: a class name appears twice among {', '.join(self.class_names)}.")
        _check_unique([identifier for split in self.splits.values() for identifier in split.ids])

    @property
    def multi_label(self) -> bool:
        """Whether a picture may have several labels, or none."""
        return any(are_several(split.labels) for split in self.splits.values())

    def part(self, name: str) -> Split:
        """Return the split of that name.

        Raises:
            DataError: there is none.
        """
        if name not in self.splits:
            raise DataError(
                f"{self.where} has no {name} split; it has: {', '.join(self.splits)}. Choose one with --split."
            )
        return self.splits[name]

    def replace(self, **changes: Any) -> Dataset:
        """Return the same data set with some fields changed."""
        return dataclasses.replace(self, **changes)


def _check_unique(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise DataError(f"The id {identifier!r} appears twice; every picture needs an id of its own.")
        seen.add(identifier)
