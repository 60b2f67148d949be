"""Arrays in memory, checked and brought to one form: uint8 (N, H, W, C) and class numbers.

Nothing is guessed: what is not accepted is refused with its shape, type and range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tellapart.data.dataset import Dataset
from tellapart.data.images import ArrayImages
from tellapart.data.sources.assemble import assemble, numbered_split, prefix_errors
from tellapart.data.sources.label_rows import checked_targets
from tellapart.data.sources.labels import checked_labels, has_numbers
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.types import Pixels, describe
from tellapart.errors import DataError
from tellapart.text import described

_ACCEPTED = (
    "Accepted: (N, height, width) or (N, height, width, 1 or 3); uint8, or whole numbers 0 to 255, "
    "or floats all within 0 to 1."
)
_FLOAT_ROWS = 4096
"""Floats are checked and converted in pieces of this many images, to need little memory beside them."""

_SUFFIXES = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
"""Split -> what may stand behind x_ and y_ in a mapping."""

Pair = tuple[Any, Any]
"""Images and labels."""


def _accepts(request: OpenRequest) -> bool:
    return request.path is None


def _open(request: OpenRequest) -> Dataset:
    labels = request.choice.file
    pairs, own_names = named_pairs(request.data if labels is None else (request.data, labels))
    names, several = request.class_names or own_names, bool(request.choice.multi_label)
    return dataset_of_arrays("arrays", "arrays in memory", pairs, names, several)


def dataset_of_arrays(
    name: str,
    where: str,
    pairs: Mapping[str, Pair],
    class_names: Sequence[str] | None,
    multi_label: bool = False,
) -> Dataset:
    """Check arrays and build a Dataset of them.

    Args:
        name: of the data set.
        where: the place the arrays come from, for people; errors begin with it.
        pairs: images and labels by split name.
        class_names: of labels 0, 1, 2, ...; None: the labels name themselves.
        multi_label: whether a picture may have several labels: rows of 0 and 1.

    Raises:
        DataError: images or labels are not accepted, or differ in number.
    """
    with prefix_errors(where):
        arrays = {split: checked_images(x, f"x of {split}") for split, (x, _) in pairs.items()}
        check = checked_targets if multi_label else checked_labels
        labels, names = check({split: y for split, (_, y) in pairs.items()}, class_names)
    for split, array in arrays.items():
        if len(array) != len(labels[split]):
            raise DataError(
                f"{where}: {split}: x has {len(array)} pictures and y has {len(labels[split])} labels. "
                "Give each picture one label, in the same order."
            )
    splits = {
        split: numbered_split(split, labels[split], ArrayImages(array)) for split, array in arrays.items()
    }
    numbered = class_names is not None or multi_label or has_numbers(y for _, y in pairs.values())
    return assemble(name, names, splits, where, numbered=numbered)


def named_pairs(data: Any) -> tuple[dict[str, Pair], tuple[str, ...] | None]:
    """Sort out which arrays are which split.

    Args:
        data: (x, y); ((x_train, y_train), (x_test, y_test)), with a validation pair in the middle if there
            are three; or a mapping of x, y or x_train, y_train, x_val, y_val, x_test, y_test, or of train,
            validation, test to pairs; class_names may stand beside.

    Returns:
        Images and labels by split name, unchecked; and the class names if the mapping has them.

    Raises:
        DataError: none of these.
    """
    if isinstance(data, Mapping):
        return _from_mapping(data)
    if isinstance(data, (tuple, list)):
        if len(data) in (2, 3) and all(isinstance(part, (tuple, list)) and len(part) == 2 for part in data):
            names = ("train", "test") if len(data) == 2 else ("train", "validation", "test")
            return {name: (part[0], part[1]) for name, part in zip(names, data, strict=True)}, None
        if len(data) == 2:
            return {"train": (data[0], data[1])}, None
    raise DataError(
        f"Expected labeled pictures; got {described(data)}. Give a known set's name, the path of a folder or file, or "
        "arrays: (x, y), ((x_train, y_train), (x_test, y_test)), or a dict of x_train, y_train, x_test, y_test."
    )


def _from_mapping(data: Mapping[str, Any]) -> tuple[dict[str, Pair], tuple[str, ...] | None]:
    names = data.get("class_names")
    class_names = None if names is None else tuple(str(name) for name in np.asarray(names).ravel())
    if "x" in data and "y" in data:
        return {"train": (data["x"], data["y"])}, class_names
    pairs: dict[str, Pair] = {}
    for split, suffixes in _SUFFIXES.items():
        for suffix in suffixes:
            if f"x_{suffix}" in data and f"y_{suffix}" in data:
                pairs[split] = (data[f"x_{suffix}"], data[f"y_{suffix}"])
            elif isinstance(data.get(suffix), (tuple, list)) and len(data[suffix]) == 2:
                pairs[split] = tuple(data[suffix])
    if "train" not in pairs:
        raise DataError(
            f"It holds {', '.join(map(str, data)) or 'nothing'}; expected x and y, or x_train and y_train "
            "(with x_test, y_test, x_val, y_val and class_names if you have them)."
        )
    return pairs, class_names


def checked_images(images: Any, what: str) -> Pixels:
    """Return images as uint8 (N, H, W, C); the very array where it already is one.

    Raises:
        DataError: another shape, type or range; it states what was met and what is accepted.
    """
    try:
        array = np.asarray(images)
    except ValueError as reason:
        raise DataError(
            f"{what}: pictures of different sizes cannot be one array ({reason}).\n{_ACCEPTED}"
        ) from None
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or array.dtype.kind not in "uif":
        hint = ""
        if array.ndim == 4 and array.shape[1] in (1, 3):
            hint = "\nIts channels come first: move them with x.transpose(0, 2, 3, 1)."
        raise DataError(f"{what}: {describe(np.asarray(images))}.\n{_ACCEPTED}{hint}")
    if not array.size:
        raise DataError(f"{what}: {describe(array)}: no pictures.\n{_ACCEPTED}")
    return array if array.dtype == np.uint8 else _to_bytes(array, what)


def _to_bytes(array: np.ndarray, what: str) -> Pixels:
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 255:
        raise DataError(f"{what}: {describe(array)}.\n{_ACCEPTED}")
    is_float = array.dtype.kind == "f"
    scale = 255 if is_float and high <= 1 else 1
    levels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), _FLOAT_ROWS):
        piece = array[start : start + _FLOAT_ROWS]
        if is_float and scale == 1 and not np.array_equal(piece, np.rint(piece)):
            raise DataError(
                f"{what}: {describe(array)}, and not whole numbers.\n{_ACCEPTED}\n"
                "If they were standardized, pass the original pictures: the network scales them itself."
            )
        levels[start : start + _FLOAT_ROWS] = np.rint(piece * np.float64(scale)) if is_float else piece
    return levels


ARRAYS = Source(
    title="arrays in memory",
    accepts=_accepts,
    open=_open,
    options=("file", "multi_label"),
    takes_class_names=True,
)
