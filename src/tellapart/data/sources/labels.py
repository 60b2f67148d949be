"""Labels as class numbers: from integers, whole floats, one-hot rows or names, checked row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.types import describe
from tellapart.errors import DataError
from tellapart.text import natural_key

_NAME_IT = "Correct the label, or name its class in class_names."
_NUMBER_THEM = "Number the classes 0, 1, 2, ..., or give their names as labels."


def checked_labels(
    by_split: Mapping[str, Any], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Return the labels of every split as class numbers, and the class names.

    Without `class_names`, the distinct labels themselves name the classes, in natural order: labels 3 and 5
    are the classes "3" and "5".

    Args:
        by_split: labels by split name: (N,), (N, 1), one-hot (N, K), or names.
        class_names: of labels 0, 1, 2, ...

    Raises:
        DataError: a label is negative, not a whole number, unknown, or beyond the class names; it names the
            row.
    """
    if not by_split:
        raise DataError("No labels, so no training pictures. Give at least two pictures, of two classes.")
    flat = {split: _flattened(labels, f"y of {split}") for split, labels in by_split.items()}
    if len({labels.dtype.kind for labels, _ in flat.values()}) > 1:
        raise DataError("Labels are names in one split and numbers in another; give the same kind in all.")
    widths = {width for _, width in flat.values() if width}
    if len(widths) > 1:
        raise DataError(
            f"One-hot labels have {' and '.join(map(str, sorted(widths)))} classes in different splits; "
            "give all of them the same number of columns."
        )
    if class_names is None and widths:
        class_names = [str(number) for number in range(widths.pop())]
    return _numbered({split: labels for split, (labels, _) in flat.items()}, class_names)


def has_numbers(labels: Iterable[Any]) -> bool:
    """Return whether labels are numbers, also as one-hot rows, and not names."""
    return all(np.asarray(of_split).dtype.kind in "uifb" for of_split in labels)


def _numbered(
    flat: dict[str, np.ndarray], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    are_names = next(iter(flat.values())).dtype.kind == "U"
    if class_names is not None and not are_names:
        for split, labels in flat.items():
            beyond = labels >= len(class_names)
            _refuse_rows(beyond, labels, f"y of {split}", f"0 to {len(class_names) - 1}", _NAME_IT)
        return dict(flat), tuple(class_names)
    distinct = np.unique(np.concatenate(list(flat.values())))
    names = class_names or sorted((str(name) for name in distinct), key=natural_key)
    number_of = {name: number for number, name in enumerate(names)}
    for split, labels in flat.items():
        unknown = np.array([str(label) not in number_of for label in labels], bool)
        _refuse_rows(unknown, labels, f"y of {split}", f"one of {', '.join(names)}", _NAME_IT)
    numbered = {
        split: np.array([number_of[str(label)] for label in labels], np.int64)
        for split, labels in flat.items()
    }
    return numbered, tuple(names)


def _flattened(labels: Any, what: str) -> tuple[np.ndarray, int]:
    """(N,) int64 or text, and the width of one-hot labels (0 where they are not)."""
    array = _as_array(labels, what)
    if array.dtype.kind == "U" and array.ndim == 1:
        return array, 0
    if array.ndim == 2 and array.dtype.kind in "uifb":
        return _from_one_hot(array, what), array.shape[1]
    if array.ndim != 1 or array.dtype.kind not in "uifb":
        raise DataError(f"{what}: {describe(array)}. Accepted: (N,), (N, 1), one-hot (N, K), or class names.")
    if array.dtype.kind == "f":
        fractional = ~np.isfinite(array) | (array != np.rint(array))
        _refuse_rows(fractional, array, what, "whole numbers from 0", _NUMBER_THEM)
    _refuse_rows(array < 0, array, what, "whole numbers from 0", _NUMBER_THEM)
    return array.astype(np.int64), 0


def _as_array(labels: Any, what: str) -> np.ndarray:
    """Labels as an array, columns (N, 1) as (N,), and bytes as text."""
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
    return array


def _from_one_hot(array: np.ndarray, what: str) -> NDArray[np.int64]:
    wrong = ((array != 0) & (array != 1)).any(axis=1) | (array.sum(axis=1) != 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{what}: row {row} is {array[row].tolist()[:12]}. One-hot labels have a single 1 in each row, "
            "the rest 0. For pictures with several labels, or none, pass multi_label=True (--multi-label)."
        )
    return array.argmax(axis=1).astype(np.int64)


def _refuse_rows(wrong: np.ndarray, labels: np.ndarray, what: str, accepted: str, remedy: str) -> None:
    """Raise DataError for the first row that is wrong, if any is."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{what}: row {row} has label {labels[row]}; accepted: {accepted}. {remedy}")
