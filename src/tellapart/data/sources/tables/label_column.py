"""Label column: which column of a table names the classes, or which columns are one class each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.tables.boxes import are_box_columns, boxes_refused
from tellapart.data.sources.tables.columns import Columns
from tellapart.data.sources.tables.label_pattern import compiled_pattern, label_in
from tellapart.data.sources.tables.roles import LABEL_NAMES, PATH_NAMES, WEAK_LABEL_NAMES, squashed
from tellapart.errors import DataError

HOT, COLD = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})
NO_LABELS = frozenset({"", "nan"})
"""Lower case. What stands where nobody knows the class; pandas writes `nan`."""

LabelOf = Callable[[Sequence[str]], str]
"""A row's label; empty: it has none."""


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """One column names the class."""

    column: int

    def __call__(self, row: Sequence[str]) -> str:
        """Return a row's label."""
        label = row[self.column]
        return "" if label.lower() in NO_LABELS else label


@dataclass(frozen=True, slots=True)
class _InPath:
    """The path holds the class."""

    column: int
    expression: re.Pattern[str]

    def __call__(self, row: Sequence[str]) -> str:
        return label_in(self.expression, row[self.column])


@dataclass(frozen=True, slots=True)
class _OneHot:
    """Each of several columns is a class; a 1 stands in one of them."""

    columns: tuple[int, ...]
    names: tuple[str, ...]

    def __call__(self, row: Sequence[str]) -> str:
        hot = [self.names[column] for column in self.columns if row[column].lower() in HOT]
        return hot[0] if len(hot) == 1 else ""


def label_of_rows(columns: Columns, path: int, free: Sequence[int], choice: Labels) -> LabelOf | None:
    """Return what tells a row's label; None: no column does.

    Args:
        columns: the table.
        path: the column of the paths.
        free: columns that are neither the path nor the split.
        choice: what somebody said.

    Raises:
        DataError: two columns could be the label, the columns are those of boxes, or several classes are 1 in a row.
    """
    if choice.pattern is not None:
        return _InPath(path, compiled_pattern(choice.pattern))
    if choice.label_column is not None:
        return NamedColumn(columns.chosen(choice.label_column, "--label-column"))
    if are_box_columns(columns.names):
        raise boxes_refused(columns.table.path, "its columns")
    known = known_columns(columns, free)
    if not known and (one_hot := _one_hot(columns, free)):
        return one_hot
    column = likeliest_column(columns, free)
    return None if column is None else NamedColumn(column)


def known_columns(columns: Columns, free: Sequence[int]) -> list[int]:
    """Return the columns, of those that are free, whose name means the label."""
    return [column for column in free if squashed(columns.names[column]) in LABEL_NAMES]


def likeliest_column(columns: Columns, free: Sequence[int]) -> int | None:
    """Return the column that names the classes, by the columns' names; None: no column is free.

    Raises:
        DataError: two columns could be it.
    """
    known = known_columns(columns, free)
    weak = [column for column in free if squashed(columns.names[column]) in WEAK_LABEL_NAMES]
    others = [column for column in free if squashed(columns.names[column]) not in PATH_NAMES]
    others = [column for column in others if len(set(columns.cells(column))) > 1] or others
    for group in (known, weak, others, list(free)):
        if group:
            return _only(columns, group, is_known=group is known or group is weak)
    return None


def _only(columns: Columns, group: Sequence[int], *, is_known: bool) -> int:
    """Return the one column of a group, or the one in words of several that divide the images alike.

    Raises:
        DataError: they divide them differently.
    """
    kinds: dict[tuple[int, ...], list[int]] = {}
    for column in group:
        kinds.setdefault(_partition(columns.cells(column)), []).append(column)
    if len(kinds) == 1:
        return min(group, key=lambda column: (_is_number(columns.cells(column)), group.index(column)))
    firsts = [same[0] for same in kinds.values()]
    counts = ", ".join(
        f"{columns.names[column]} ({len(set(columns.cells(column)) - NO_LABELS):,} different values)"
        for column in firsts[:5]
    )
    what = "both could be the label" if len(firsts) == 2 else "could each be the label"
    why = "" if is_known else "no column is called label or class, and "
    raise DataError(
        f"{columns.table.path}: {why}the columns {counts} {what}. Choose one, for example with "
        f"--label-column {columns.names[firsts[0]]}"
    )


def _partition(cells: Sequence[str]) -> tuple[int, ...]:
    """Return the same for columns that divide the rows into the same groups."""
    number_of: dict[str, int] = {}
    return tuple(number_of.setdefault(cell, len(number_of)) for cell in cells)


def _is_number(cells: Sequence[str]) -> bool:
    return all(cell.lstrip("-").replace(".", "", 1).isdecimal() for cell in cells if cell)


def _one_hot(columns: Columns, free: Sequence[int]) -> _OneHot | None:
    binary = [column for column in free if set(map(str.lower, columns.cells(column))) <= HOT | COLD]
    if len(binary) < 2 or not columns.rows or not columns.has_header:
        return None
    hot = [sum(row[column].lower() in HOT for column in binary) for row in columns.rows]
    several = [place for place, count in enumerate(hot) if count > 1]
    if not several:
        return _OneHot(tuple(binary), columns.names)
    row = columns.rows[several[0]]
    both = [columns.names[column] for column in binary if row[column].lower() in HOT]
    raise DataError(
        f"{columns.table.path}: {columns.table.row_word} {columns.lines[several[0]]} has a 1 for "
        f"{' and '.join(both[:3])} ({len(several):,} of {len(hot):,} {columns.table.row_word}s have several). To train "
        "on several labels a picture, pass --multi-label. Otherwise keep only those with a single 1; or, to predict "
        "one column alone "
        f"(1 or 0), pass --label-column {columns.names[binary[0]]}"
    )
