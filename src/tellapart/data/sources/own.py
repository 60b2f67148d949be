"""A data set from one value per image: what a source of one's own returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.labels import checked_labels
from tellapart.data.types import Pixels
from tellapart.errors import DataError
from tellapart.pages.card import Readable
from tellapart.text import described

Image = bytes | Path | Pixels
"""A file's bytes, its path, or pixels: uint8 (height, width, 1 or 3)."""


@dataclass(frozen=True, slots=True)
class LabeledImage(Readable):
    """One image of a data set."""

    id: str
    """A text that no other image has, such as a file's name, the same whenever the data is opened: splits are drawn by
    it."""

    image: Image | Callable[[], Image]
    """A file's path as a Path, its bytes, or pixels, uint8 (H, W, 1 or 3); or a function without arguments that returns
    one of them when the image is read. Several threads call it; it raises DataError where it cannot."""

    label: str
    """Name of its class."""

    split: str = "train"
    """Exactly train, validation or test. Splits that the data lacks are drawn from its training images."""


def dataset_of(
    name: str, images: Iterable[LabeledImage], *, where: str = "", mirrors: bool | None = None
) -> Dataset:
    """Build a data set.

    Args:
        name: of the data set.
        images: all of them, in any order.
        where: they come from, for people. Default: the name.
        mirrors: whether an image may be flipped left-right. Default: unless class names suggest otherwise.

    Raises:
        DataError: there are no images, two have the same id, or a split is none.
    """
    by_split: dict[str, list[LabeledImage]] = {}
    if not isinstance(images, Iterable):
        raise DataError(f"{name}: dataset_of takes a LabeledImage for each image; got {described(images)}.")
    for image in images:
        if not isinstance(image, LabeledImage):
            raise DataError(f"{name}: dataset_of takes a list of LabeledImage; got {described(image)} in it.")
        if image.split not in SPLIT_NAMES:
            raise DataError(
                f"{name}: {image.id} is of split {image.split!r}; accepted: {', '.join(SPLIT_NAMES)}."
            )
        by_split.setdefault(image.split, []).append(image)
    if not by_split:
        raise DataError(f"{name}: no images.")
    labels, class_names = checked_labels(
        {split: [str(image.label) for image in part] for split, part in by_split.items()}, None
    )
    splits = {}
    for split, part in by_split.items():
        ids = tuple(image.id for image in part)
        splits[split] = Split(
            ids, labels[split], BlobImages(tuple(image.image for image in part), _fetched, ids)
        )
    return assemble(name, class_names, splits, where or name, mirrors=mirrors)


def _fetched(image: Image | Callable[[], Image]) -> Image:
    return image() if callable(image) else image
