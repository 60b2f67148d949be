"""Columns: which column of a table is the images' path, which the label, which the split.

The path is told by its cells, which are names of images that are there; the others by their headers, and by their
cells where there is no header. Where two columns could be the label, the error names both and takes neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tellapart.data.sources.label_choice import SPLIT_BY_NONE, Labels
from tellapart.data.sources.tables.finder import Finder
from tellapart.data.sources.tables.roles import (
    FLAG_NAMES,
    FOLD_NAMES,
    LABEL_NAMES,
    NO,
    PATH_NAMES,
    SPLIT_NAMES,
    WEAK_SPLIT_NAMES,
    YES,
    squashed,
)
from tellapart.data.sources.tables.splits import split_word
from tellapart.data.sources.tables.table import Table
from tellapart.data.sources.walk import is_image_name
from tellapart.errors import DataError

LOOKED_UP = 40
"""Cells of each column that are looked for among the images, evenly spread."""

NAMED_AT_MOST = 8
"""Columns that a message names."""

_ENOUGH = 0.5
"""Share of a column's cells that are names of images, from which the column is one of paths."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A table by columns, and how messages call them."""

    table: Table
    names: tuple[str, ...]
    """Headers; a column without one is called by its number from 1."""

    rows: list[list[str]] = field(repr=False)
    """Each as wide as `names`, without spaces at the ends of cells."""

    lines: list[int] = field(repr=False)
    has_header: bool = True

    def cells(self, column: int) -> list[str]:
        """Return a column's cells."""
        return [row[column] for row in self.rows]

    def called(self, columns: Sequence[int]) -> str:
        """Return the names of columns, for people."""
        shown = ", ".join(self.names[column] for column in columns[:NAMED_AT_MOST])
        return shown + (f" and {len(columns) - NAMED_AT_MOST} more" * (len(columns) > NAMED_AT_MOST))

    def chosen(self, choice: str | int, option: str) -> int:
        """Return the column that somebody named.

        Raises:
            DataError: there is none.
        """
        folded = [name.strip().casefold() for name in self.names]
        wanted = str(choice).strip()
        if not isinstance(choice, int) and wanted.casefold() in folded and self.has_header:
            return folded.index(wanted.casefold())
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return int(wanted) - 1
        header = (
            self.called(range(len(self.names)))
            if self.has_header
            else f"no header, {len(self.names)} columns"
        )
        raise DataError(f"{self.table.path}: {option} {wanted}: no such column. It has: {header}.")


def columns_of(table: Table, finder: Finder) -> Columns:
    """Return a table by columns; its first row is the header unless it names an image itself."""
    header, rows, lines = table.header, table.rows, table.lines
    if header is None and rows and _is_header(rows[0], finder):
        header, rows, lines = tuple(rows[0]), rows[1:], lines[1:]
    width = max([len(header or ()), *map(len, rows)], default=0)
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    if not table.is_exact:
        padded = [[cell.strip() for cell in row] for row in padded]
    given = [name.strip().lstrip("#").strip() for name in header or ()]
    names = tuple(
        given[place] if place < len(given) and given[place] else str(place + 1) for place in range(width)
    )
    return Columns(table, names, padded, lines, has_header=header is not None)


def _is_header(row: Sequence[str], finder: Finder) -> bool:
    words = [squashed(cell) for cell in row]
    if any(word in PATH_NAMES for word in words) and any(word in LABEL_NAMES for word in words):
        return True
    return not any(is_image_name(cell) or finder.find(cell.strip()).key is not None for cell in row)


def path_column(columns: Columns, finder: Finder, choice: Labels) -> int | None:
    """Return the column whose cells name images; None: no column does, and none is called so.

    Raises:
        DataError: two columns name different images.
    """
    if choice.path_column is not None:
        return columns.chosen(choice.path_column, "--path-column")
    every = range(len(columns.names))
    step = max(1, len(columns.rows) // LOOKED_UP)
    sample = columns.rows[::step]
    found = {column: [finder.find(row[column]) for row in sample] for column in every}
    shares = {column: sum(hit.key is not None for hit in hits) for column, hits in found.items()}
    naming = [column for column in every if shares[column] >= _ENOUGH * max(len(sample), 1) > 0]
    if not naming:
        called = [column for column in every if squashed(columns.names[column]) in PATH_NAMES]
        return min(called, key=lambda column: PATH_NAMES.index(squashed(columns.names[column])), default=None)
    best = min(naming, key=lambda column: _path_rank(columns, column, shares[column]))
    for other in naming:
        keys, rivals = ([hit.key for hit in found[column]] for column in (best, other))
        differ = any(a != b for a, b in zip(keys, rivals, strict=True) if a and b)
        if differ and _path_rank(columns, other, 0)[0] == _path_rank(columns, best, 0)[0]:
            raise DataError(
                f"{columns.table.path}: the columns {columns.called([best, other])} both name pictures, but "
                f"different ones. Choose one, for example with --path-column {columns.names[best]}"
            )
    return best


def _path_rank(columns: Columns, column: int, share: int) -> tuple[int, int, int]:
    """Return the lowest for the column that most likely is the path."""
    word = squashed(columns.names[column])
    known = PATH_NAMES.index(word) if word in PATH_NAMES else len(PATH_NAMES)
    has_endings = any(is_image_name(row[column]) for row in columns.rows[:LOOKED_UP])
    return (0 if has_endings else 1), -share, known


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How rows say their split."""

    column: int | None = None
    flags: tuple[tuple[int, str], ...] = ()
    """Columns of yes and no, and the split of a yes."""

    @property
    def used(self) -> tuple[int, ...]:
        """The columns."""
        return (() if self.column is None else (self.column,)) + tuple(column for column, _ in self.flags)

    def split_of(self, row: Sequence[str]) -> str | None:
        """Return a row's split; None: it says none that is known, or two."""
        if self.column is not None:
            return split_word(row[self.column])
        said = {split for column, split in self.flags if row[column].lower() in YES}
        if any(row[column].lower() not in (*YES, *NO) for column, _ in self.flags) or len(said) > 1:
            return None
        rest = "test" if {split for _, split in self.flags} == {"train"} else "train"
        return said.pop() if said else rest


def split_rule(columns: Columns, free: Sequence[int], choice: Labels) -> SplitRule:
    """Return how the rows are divided.

    Args:
        columns: the table.
        free: columns that have no other role yet.
        choice: what somebody said.

    Raises:
        DataError: a column is called a split and says something else, such as numbers of folds.
    """
    if choice.split_column is not None:
        if str(choice.split_column).lower() == SPLIT_BY_NONE:
            return SplitRule()
        column = columns.chosen(choice.split_column, "--split-column")
        flag = FLAG_NAMES.get(squashed(columns.names[column]))
        is_flag = flag is not None and _is_yes_or_no(columns.cells(column))
        return SplitRule(flags=((column, str(flag)),)) if is_flag else SplitRule(column)
    words = {column: squashed(columns.names[column]) for column in free}
    flags = [(column, FLAG_NAMES[word]) for column, word in words.items() if word in FLAG_NAMES]
    flags = [(column, split) for column, split in flags if _is_yes_or_no(columns.cells(column))]
    if flags:
        return SplitRule(flags=tuple(flags))
    for column, word in words.items():
        cells = columns.cells(column)
        if word in FOLD_NAMES and _says_fold(cells):
            raise DataError(
                f"{columns.table.path}: the column {columns.names[column]} numbers the folds of a cross-validation, "
                "but not which fold to test on. Add a column named split with train, validation or test; or ignore "
                f"the folds with --split-column {SPLIT_BY_NONE}."
            )
        if word in SPLIT_NAMES or _divides(cells) or (word in WEAK_SPLIT_NAMES and _mostly_splits(cells)):
            return SplitRule(column)
    return SplitRule()


def _is_yes_or_no(cells: Sequence[str]) -> bool:
    words = {cell.lower() for cell in cells}
    return words <= {*YES, *NO} and bool(words & set(YES))


def _says_fold(cells: Sequence[str]) -> bool:
    return all(cell.isdecimal() for cell in cells if cell) and len(set(cells)) > 1


def _divides(cells: Sequence[str]) -> bool:
    """Return whether a column, whatever its name, holds words for splits alone, training among them."""
    splits = {split_word(cell) for cell in set(cells) if cell}
    return None not in splits and len(splits) > 1 and "train" in splits


def _mostly_splits(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return sum(split_word(cell) is not None for cell in filled) * 2 > len(filled)
