"""Arrays that people hand in, checked and brought to one form: uint8 (N, H, W, C) and class numbers.

Nothing is guessed: what is not accepted is refused with its shape, type and range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import Pixels
from tellapart.errors import DataError
from tellapart.text import natural_key

_ACCEPTED = (
    "Accepted: (N, height, width) or (N, height, width, 1 or 3); uint8, or whole numbers 0 to 255, "
    "or floats all within 0 to 1."
)
_NAME_IT = "Correct the label, or name its class in class_names."
_NUMBER_THEM = "Number the classes 0, 1, 2, ..., or give their names as labels."
_FLOAT_ROWS = 4096
"""Floats are checked and converted in pieces of this many pictures, to need little memory beside them."""

Pair = tuple[Any, Any]


def named_pairs(data: Any) -> tuple[dict[str, Pair], tuple[str, ...] | None]:
    """Sort out which arrays are which split.

    Args:
        data: (x, y); ((x_train, y_train), (x_test, y_test)), with a validation pair in the middle if there
            are three; or a mapping of x, y or x_train, y_train, x_val, y_val, x_test, y_test, or of train,
            validation, test to pairs; class_names may stand beside.

    Returns:
        Pictures and labels by split name, unchecked; and the class names if the mapping has them.

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
        f"{_what(data)} is no labeled pictures. Give (x, y), ((x_train, y_train), (x_test, y_test)), or a "
        "dict of x_train, y_train, x_test, y_test."
    )


def _from_mapping(data: Mapping[str, Any]) -> tuple[dict[str, Pair], tuple[str, ...] | None]:
    names = data.get("class_names")
    class_names = None if names is None else tuple(str(name) for name in np.asarray(names).ravel())
    if "x" in data and "y" in data:
        return {"train": (data["x"], data["y"])}, class_names
    pairs: dict[str, Pair] = {}
    for split, suffixes in {
        "train": ("train",),
        "validation": ("val", "valid", "validation"),
        "test": ("test",),
    }.items():
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
    """Pictures as uint8 (N, H, W, C); the very array where it already is one.

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
        raise DataError(f"{what}: {_describe(np.asarray(images))}.\n{_ACCEPTED}{hint}")
    if not array.size:
        raise DataError(f"{what}: {_describe(array)}: no pictures.\n{_ACCEPTED}")
    return array if array.dtype == np.uint8 else _to_bytes(array, what)


def _to_bytes(array: np.ndarray, what: str) -> Pixels:
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 255:
        raise DataError(f"{what}: {_describe(array)}.\n{_ACCEPTED}")
    is_float = array.dtype.kind == "f"
    scale = 255 if is_float and high <= 1 else 1
    levels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), _FLOAT_ROWS):
        piece = array[start : start + _FLOAT_ROWS]
        if is_float and scale == 1 and not np.array_equal(piece, np.rint(piece)):
            raise DataError(
                f"{what}: {_describe(array)}, and not whole numbers.\n{_ACCEPTED}\n"
                "If they were standardized, hand in the original pictures: the network does the scaling."
            )
        levels[start : start + _FLOAT_ROWS] = np.rint(piece * np.float64(scale)) if is_float else piece
    return levels


def checked_labels(
    by_split: Mapping[str, Any], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Labels of every split as class numbers, and the class names.

    Labels may be (N,), (N, 1), one-hot (N, K), or names. Without `class_names`, the distinct labels
    themselves name the classes, in natural order: labels 3 and 5 are the classes "3" and "5".

    Raises:
        DataError: a label is negative, not a whole number, unknown, or beyond the class names; it names the
            row.
    """
    flat = {split: _flat(labels, f"y of {split}") for split, labels in by_split.items()}
    if len({labels.dtype.kind for labels, _ in flat.values()}) > 1:
        raise DataError("Labels are names in one split and numbers in another; give the same kind in all.")
    widths = {width for _, width in flat.values() if width}
    if len(widths) > 1:
        raise DataError(
            f"One-hot labels of {' and '.join(map(str, sorted(widths)))} classes in different splits."
        )
    if class_names is None and widths:
        class_names = [str(number) for number in range(widths.pop())]
    return _numbered({split: labels for split, (labels, _) in flat.items()}, class_names)


def _numbered(
    flat: dict[str, np.ndarray], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    are_names = next(iter(flat.values())).dtype.kind == "U"
    if class_names is not None and not are_names:
        for split, labels in flat.items():
            beyond = labels >= len(class_names)
            _refuse(beyond, labels, f"y of {split}", f"0 to {len(class_names) - 1}", _NAME_IT)
        return dict(flat), tuple(class_names)
    met = np.unique(np.concatenate(list(flat.values())))
    names = class_names or sorted((str(name) for name in met), key=natural_key)
    number_of = {name: number for number, name in enumerate(names)}
    for split, labels in flat.items():
        unknown = np.array([str(label) not in number_of for label in labels], bool)
        _refuse(unknown, labels, f"y of {split}", f"one of {', '.join(names)}", _NAME_IT)
    numbered = {
        split: np.array([number_of[str(label)] for label in labels], np.int64)
        for split, labels in flat.items()
    }
    return numbered, tuple(names)


def _flat(labels: Any, what: str) -> tuple[np.ndarray, int]:
    """(N,) int64 or text, and the width of one-hot labels (0 where they are not)."""
    try:
        array = np.asarray(labels)
    except ValueError:
        raise DataError(
            f"{what}: labels of different lengths. Accepted: (N,), (N, 1) or one-hot (N, K)."
        ) from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind in "SO" and array.ndim == 1:
        array = np.array([label.decode() if isinstance(label, bytes) else label for label in array.tolist()])
    if array.dtype.kind == "U" and array.ndim == 1:
        return array, 0
    if array.ndim == 2 and array.dtype.kind in "uifb":
        return _from_one_hot(array, what), array.shape[1]
    if array.ndim != 1 or array.dtype.kind not in "uifb":
        raise DataError(
            f"{what}: {_describe(array)}. Accepted: (N,), (N, 1), one-hot (N, K), or class names."
        )
    if array.dtype.kind == "f":
        _refuse(
            ~np.isfinite(array) | (array != np.rint(array)), array, what, "whole numbers from 0", _NUMBER_THEM
        )
    _refuse(array < 0, array, what, "whole numbers from 0", _NUMBER_THEM)
    return array.astype(np.int64), 0


def _from_one_hot(array: np.ndarray, what: str) -> NDArray[np.int64]:
    wrong = ((array != 0) & (array != 1)).any(axis=1) | (array.sum(axis=1) != 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{what}: row {row} is {array[row].tolist()[:12]}. One-hot labels have a single 1 in each row, "
            "the rest 0."
        )
    return array.argmax(axis=1).astype(np.int64)


def _refuse(wrong: np.ndarray, labels: np.ndarray, what: str, accepted: str, remedy: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{what}: row {row} has label {labels[row]}; accepted: {accepted}. {remedy}")


def _describe(array: np.ndarray) -> str:
    described = f"{array.dtype} {array.shape}"
    if array.dtype.kind in "uifb" and array.size:
        described += f", {array.min()} to {array.max()}"
    return described


def _what(data: Any) -> str:
    shape = getattr(data, "shape", None)
    return f"A {type(data).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")
