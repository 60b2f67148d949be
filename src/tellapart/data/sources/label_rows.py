"""Targets of several labels a picture, from arrays: rows of 0 and 1, or lists of names, checked row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import targets_of
from tellapart.data.types import describe
from tellapart.errors import DataError
from tellapart.text import natural_key

_ACCEPTED = "Accepted: (N, labels) of 0 and 1, a column for each label; or a list of names for each picture."


def checked_targets(
    by_split: Mapping[str, Any], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    """Return the targets of every split, (N, labels) float32 of 0 and 1, and the labels' names.

    Args:
        by_split: by split name: (N, labels) of 0 and 1, or N lists of names.
        class_names: of the columns. Default: "0", "1", ...; or the names that appear, in natural order.

    Raises:
        DataError: another shape, another number than 0 and 1, or a name that is not among `class_names`.
    """
    if not by_split:
        raise DataError("No labels, so no training pictures. Give at least two pictures, of two labels.")
    if all(map(_is_of_names, by_split.values())):
        return _from_names(by_split, class_names)
    arrays = {split: _zeros_and_ones(rows, f"y of {split}") for split, rows in by_split.items()}
    widths = {array.shape[1] for array in arrays.values()}
    if len(widths) > 1:
        raise DataError(
            f"Targets have {' and '.join(map(str, sorted(widths)))} columns in different splits; give all of them the "
            "same columns."
        )
    width = widths.pop()
    names = tuple(map(str, range(width))) if class_names is None else tuple(class_names)
    if len(names) != width:
        raise DataError(
            f"y has {width} columns and class_names has {len(names)} names. Name each column, in order."
        )
    return arrays, names


def _is_of_names(rows: Any) -> bool:
    return (
        isinstance(rows, list | tuple)
        and bool(rows)
        and all(isinstance(row, list | tuple | set | frozenset) for row in rows)
        and all(isinstance(name, str) for row in rows for name in row)
    )


def _from_names(
    by_split: Mapping[str, Any], class_names: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    said = {name for rows in by_split.values() for row in rows for name in row}
    names = tuple(sorted(said, key=natural_key) if class_names is None else class_names)
    for split, rows in by_split.items():
        for number, row in enumerate(rows):
            if unknown := sorted(set(row) - set(names)):
                raise DataError(
                    f"y of {split}: row {number} has the label {unknown[0]!r}; accepted: {', '.join(names[:12])}. "
                    "Correct "
                    "it, or add it to class_names."
                )
    return {split: targets_of(rows, names) for split, rows in by_split.items()}, names


def _zeros_and_ones(rows: Any, what: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(rows)
    except ValueError:
        raise DataError(f"{what}: rows of different lengths. {_ACCEPTED}") from None
    if array.ndim != 2 or array.dtype.kind not in "uifb":
        hint = " For one label a picture, leave out multi_label." if array.ndim == 1 else ""
        raise DataError(f"{what}: {describe(array)}. {_ACCEPTED}{hint}")
    wrong = ((array != 0) & (array != 1)).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{what}: row {row} is {array[row].tolist()[:12]}. {_ACCEPTED}")
    return array.astype(np.float32)
