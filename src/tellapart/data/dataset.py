"""Split and Dataset: labeled images in one form, wherever they came from.

Values only: nothing here opens a file but a notebook's card, for a few thumbnails. `data.open.open_dataset` makes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.data.multi_label import are_several, class_counts, in_words, names_of
from tellapart.data.shards.index import ShardIndex
from tellapart.data.types import ImageShape
from tellapart.errors import DataError
from tellapart.pages.card import Card, Facts, Picture, Pictures, Readable, Table, Words
from tellapart.text import counted, few_names, short_name

SPLIT_NAMES = ("train", "validation", "test")

MOST = 10
"""Pictures and classes that a card shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Split(Readable):
    """Images with their ids and class numbers."""

    ids: tuple[str, ...]
    """(N,) unique: a path relative to the root, or `train/00017`."""

    labels: NDArray[Any]
    """(N,) int64 class numbers; or (N, labels) float32 of 0 and 1, where a picture may have several labels."""

    images: Images
    """(N,): `images[0]` is (H, W, 1 or 3) uint8, a file's in its own size, read when it is asked for."""

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.labels) == len(self.images):
            raise DataError(
                f"A split needs one label and one id for each picture; got {len(self.images)} pictures, "
                f"{len(self.labels)} labels, {len(self.ids)} ids."
            )
        _check_unique(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def _parts(self) -> list[str]:
        return [counted(len(self), "picture"), self._classes, *self.ids[:1]]

    @property
    def _classes(self) -> str:
        """How many classes have a picture here, or how many labels a picture may have, in words."""
        if are_several(self.labels):
            return counted(self.labels.shape[1], "label")
        return f"{len(np.unique(self.labels)):,} classes"

    def _card(self) -> Card:
        pictures = Pictures(thumbnails(self.images, self.ids, range(min(len(self), MOST))))
        return Card("Split", f"{counted(len(self), 'picture')} of {self._classes}", [pictures])

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Return only these rows, in this order; pixels are not copied."""
        return Split(tuple(self.ids[row] for row in rows), self.labels[rows], self.images.take(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset(Readable):
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

    shards: ShardIndex | None = field(default=None, repr=False)
    """Where the training pictures are read from as they are needed; `splits["train"]` is then a sample of them. None:
    the splits are all there is."""

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

    @property
    def training_size(self) -> int:
        """How many training images there are; 0: none."""
        if self.shards is not None:
            return self.shards.pictures("train")
        return len(self.splits.get("train", ()))

    def counts_of(self, name: str) -> NDArray[np.int64]:
        """Return how many images of a split each class, or each of several labels, has, (classes,)."""
        if name == "train" and self.shards is not None:
            return np.array(self.shards.class_counts(name), np.int64)
        return class_counts(self.splits[name].labels, len(self.class_names))

    @property
    def sizes(self) -> str:
        """How many images each split has, in words."""
        sizes = {
            name: self.training_size if name == "train" else len(split) for name, split in self.splits.items()
        }
        return ", ".join(f"{size:,} {name}" for name, size in sizes.items())

    def _parts(self) -> list[str]:
        size = "sizes differ" if self.image_shape is None else "×".join(map(str, self.image_shape))
        return [
            short_name(self.name),
            f"pictures: {self.sizes}",
            few_names(self.class_names, "classes", 3),
            size,
        ]

    def _card(self) -> Card:
        facts = [
            ("where", self.where),
            ("size", None if self.image_shape is None else "×".join(map(str, self.image_shape))),
            ("mirroring", "keeps the class" if self.mirrors else "changes the class"),
            ("left out", few_names(self.ignored, "files") if self.ignored else None),
        ]
        classes = len(self.class_names)
        counts = [self.counts_of(name).tolist() for name in self.splits]
        rows = list(zip(self.class_names, *counts, strict=True))
        noun = "label" if self.multi_label else "class"
        head = (noun, *self.splits)
        shown = Pictures(
            self._thumbnails(), f"One picture of each {noun}" if classes <= MOST else "Some pictures"
        )
        notices = [Words(f"{words}.") for words in self.notices[:3]]
        kinds = counted(classes, "label") if self.multi_label else f"{classes:,} classes"
        headline = f"{self.name}: {self.sizes} pictures of {kinds}"
        table = Table(head, rows, f"Pictures of each {noun}")
        return Card("Dataset", headline, [Facts(facts), shown, table, *notices])

    def _thumbnails(self) -> list[Picture]:
        """Return the first picture of each of the first classes; of several labels, with all that it has."""
        name = next(iter(self.splits), None)
        if name is None or not len(self.splits[name]):
            return []
        split = self.splits[name]
        if are_several(split.labels):
            rows = split.labels.argmax(0)[split.labels.any(0)]  # (labels that come,)
        else:
            rows = np.unique(split.labels, return_index=True)[1]
        names = {int(row): in_words(names_of(split.labels[row], self.class_names)) for row in rows[:MOST]}
        return thumbnails(split.images, names, names)

    def replace(self, **changes: Any) -> Dataset:
        """Return the same data set with some fields changed."""
        return dataclasses.replace(self, **changes)


def thumbnails(images: Images, captions: Any, rows: Iterable[int]) -> list[Picture]:
    """Return some pictures for a card; those that cannot be read are left out.

    Args:
        images: of a split.
        captions: by row.
        rows: which.
    """
    from tellapart.data.fitted import for_card
    from tellapart.pages.thumbnail import thumbnail

    read = ((captions[row], for_card(images.source(row))) for row in rows)
    return [thumbnail(pixels, caption) for caption, pixels in read if pixels is not None]


def _check_unique(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise DataError(f"The id {identifier!r} appears twice; every picture needs an id of its own.")
        seen.add(identifier)
