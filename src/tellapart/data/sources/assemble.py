"""From what a source read to a Dataset: ids, the common shape, and whether mirroring is safe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from tellapart.data.dataset import Dataset, Split
from tellapart.data.images import ArrayImages, Images
from tellapart.data.types import ImageShape
from tellapart.errors import DataError
from tellapart.text import storable

_OF_SIDES = frozenset(
    {"left", "right", "links", "rechts", "gauche", "droite", "izquierda", "derecha", "sinistra", "destra"}
    | {"east", "west", "clockwise", "counterclockwise", "anticlockwise"}
)
"""Words of class names that a mirror turns into their opposite."""

_NUMBERS = frozenset({"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"})
_OF_CHARACTERS = frozenset(
    {"letter", "digit", "number", "char", "character", "sign", "symbol", "glyph", "asl"}
)
"""First words of the names of characters, such as letter_b."""


def assemble(
    name: str,
    class_names: Sequence[str],
    splits: Mapping[str, Split],
    where: str,
    *,
    mirrors: bool | None = None,
    ignored: tuple[str, ...] = (),
    notices: tuple[str, ...] = (),
    numbered: bool = False,
) -> Dataset:
    """Build a Dataset and fill in its image shape.

    Args:
        name: of the data set.
        class_names: of labels 0, 1, 2, ...
        splits: by name.
        where: the place it comes from, for people.
        mirrors: whether an image may be mirrored; None: guessed, carefully, from the class names.
        ignored: visible entries of a folder that are not in the data set.
        notices: what people should know about how it was read.
        numbered: whether the data has its classes as numbers.
    """
    names = tuple(map(storable, class_names))
    safe = _may_mirror(names, splits) if mirrors is None else mirrors
    shape = _common_shape(splits)
    return Dataset(name, names, splits, safe, shape, where, ignored, notices=notices, numbered=numbered)


def numbered_split(name: str, labels: NDArray[Any], images: Images) -> Split:
    """Return a split whose ids are its name and the row: `train/00017`."""
    digits = max(5, len(str(len(labels))))
    return Split(tuple(f"{name}/{row:0{digits}d}" for row in range(len(labels))), labels, images)


@contextmanager
def prefix_errors(where: object) -> Iterator[None]:
    """Put the place that arrays came from in front of a DataError about them."""
    try:
        yield
    except DataError as reason:
        raise DataError(f"{where}: {reason}") from reason


def _may_mirror(class_names: tuple[str, ...], splits: Mapping[str, Split]) -> bool:
    """Return whether mirroring looks safe: not for characters, nor for classes left and right.

    Gray arrays with numbered classes are most often characters too.
    """
    if all(len(name) == 1 for name in class_names):
        images = splits["train"].images if "train" in splits else None
        are_photos = isinstance(images, ArrayImages) and images.array.shape[-1] == 3
        return are_photos and all(name.isdigit() for name in class_names)
    split = [[word for word in re.split(r"[\W_]+", name.lower()) if word] for name in class_names]
    words = {word for parts in split for word in parts}
    if words & _OF_SIDES or words <= _NUMBERS:
        return False
    return not all(len(parts) == 2 and parts[0] in _OF_CHARACTERS and len(parts[1]) == 1 for parts in split)


def _common_shape(splits: Mapping[str, Split]) -> ImageShape | None:
    """Return the (H, W, C) that all images share, as far as a sample of headers shows; None where one differs."""
    common: ImageShape | None = None
    for split in splits.values():
        for shape in split.images.shapes():
            if common is not None and shape != common:
                return None
            common = shape
    return common
