"""Rows: from a table and the images beside it to labeled rows, with what was left out and why.

A row whose image is missing stays: reading the split names it beside the pictures that cannot be read. A row without
a label cannot stay; it is counted. Where that befalls more than half, the cause is another, and is named.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.tables.columns import Columns, SplitRule, columns_of, path_column, split_rule
from tellapart.data.sources.tables.finder import Finder, Found
from tellapart.data.sources.tables.label_column import LabelOf, NamedColumn, label_of_rows
from tellapart.data.sources.tables.misses import refuse_many_missing, refuse_pixels
from tellapart.data.sources.tables.place import Place
from tellapart.data.sources.tables.separators import refuse_several
from tellapart.data.sources.tables.splits import split_of_folders
from tellapart.data.sources.tables.table import MOST_COLUMNS, LabeledRow, Table
from tellapart.data.sources.tables.tidy import notices_of_spaces, without_decimals
from tellapart.errors import DataError
from tellapart.text import counted

LONGEST_LABEL = 1000
"""Characters: all labels together are one array, of which each row is as long as the longest."""

NAMED_AT_MOST = 3
"""Examples in a notice."""

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
_MANY_NUMBERS, _RARE = 20, 3
"""Different numbers above which they are a quantity, if most of them stand at so few pictures each."""

_MANY = 10
"""Rows from which on labels that are all different are refused."""

_MOST = 0.5
"""Share of rows that may lack something."""


@dataclass(frozen=True, slots=True)
class LabeledRows:
    """What a table says of a place's images."""

    rows: list[LabeledRow]
    notices: tuple[str, ...]


def labeled_rows(table: Table, place: Place, choice: Labels) -> LabeledRows:
    """Read which image has which label.

    Args:
        table: as its file has it.
        place: where the images lie.
        choice: what somebody said about columns.

    Raises:
        DataError: a column is missing or could be another, a row is wrong, or most images are not there.
    """
    finder = Finder(place)
    table = decoded(table, finder)
    columns = columns_of(table, finder)
    if len(columns.names) > MOST_COLUMNS:
        refuse_pixels(columns)
    path, split, label = _roles(columns, finder, choice)
    if not columns.rows:
        raise DataError(
            f"{table.path}: no {table.row_word}s{' after the header' * (table.row_word == 'line')}, so no training "
            f"pictures. Add one {table.row_word} per picture."
        )
    found = [finder.find(cell) for cell in columns.cells(path)]
    refuse_many_missing(columns, path, found, place)
    rows, notices = _rows(columns, path, split, label, found)
    rows = without_decimals(rows)
    notices += notices_of_spaces(columns, label.column if isinstance(label, NamedColumn) else None)
    if choice.label_column is None:
        refuse_several([row.label for row in rows], columns)
        _refuse_all_unlike(columns, rows)
        _refuse_quantities(columns, rows)
    if split.flags:
        notices.append(f"Splits read from {columns.called(split.used)} (yes or no)")
    if not split.used:
        rows, by_folder = split_of_folders(rows)
        notices += by_folder
    notices += how_found(columns, path, found, place)
    return LabeledRows(rows, tuple(notices))


def how_found(columns: Columns, path: int, found: Sequence[Found], place: Place) -> list[str]:
    """Return notices of names that fit several images, and of images that lie elsewhere than their names say."""
    notices = []
    where = columns.table.path.name
    if rivals := [row for row, hit in enumerate(found) if hit.rivals]:
        notices.append(
            f"{where}: {counted(len(rivals), 'name')} shared by several pictures, so not read "
            f"({columns.rows[rivals[0]][path]}: {', '.join(found[rivals[0]].rivals[:3])})"
        )
    elsewhere = [row for row, hit in enumerate(found) if hit.is_elsewhere]
    if elsewhere and not _is_one_folder([columns.rows[row][path] for row in elsewhere], place.listed()):
        first = elsewhere[0]
        notices.append(
            f"{where}: {counted(len(elsewhere), 'picture')} found by name in another folder than it says "
            f"({columns.rows[first][path]}: {found[first].key})"
        )
    return notices


def _is_one_folder(names: Sequence[str], keys: Sequence[str]) -> bool:
    """Return whether names say no folder and all pictures lie in one, as with the commonest file of labels.

    Args:
        names: as the table gives them.
        keys: of all pictures of the place.
    """
    says_folder = any("/" in name or "\\" in name for name in names)
    return not says_folder and len({key.rpartition("/")[0] for key in keys}) == 1


def _roles(columns: Columns, finder: Finder, choice: Labels) -> tuple[int, SplitRule, LabelOf]:
    path = path_column(columns, finder, choice)
    free = [column for column in range(len(columns.names)) if column != path]
    split, label = SplitRule(), None
    if path is not None and (free or choice.pattern is not None):
        split = split_rule(columns, free, choice)
        label = label_of_rows(columns, path, [column for column in free if column not in split.used], choice)
    if path is None or label is None:
        header = columns.called(range(len(columns.names))) or "none"
        refuse_pixels(columns)
        lacks = "file and label" if path is None else "a label column"
        raise DataError(
            f"{columns.table.path}: columns {header[:200]}; expected {lacks}. One column names the pictures and one "
            "their classes; say which with --path-column and --label-column."
        )
    return path, split, label


def decoded(table: Table, finder: Finder) -> Table:
    """Read bytes that are not UTF-8 as Windows-1252, unless files have names of these very bytes."""
    odd = [cell for row in table.rows for cell in row if not cell.isascii() and _has_bytes(cell)]
    if not odd or table.is_exact or any(finder.place.exact(cell.strip()) for cell in odd):
        return table
    return replace(table, rows=[[_as_windows(cell) for cell in row] for row in table.rows])


def _has_bytes(cell: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in cell)


def _as_windows(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("cp1252", "replace") if _has_bytes(cell) else cell


def _rows(
    columns: Columns, path: int, split: SplitRule, label: LabelOf, found: list[Found]
) -> tuple[list[LabeledRow], list[str]]:
    rows: list[LabeledRow] = []
    first_of: dict[str, LabeledRow] = {}
    unlabeled: list[int] = []
    repeated: list[int] = []
    where, word = columns.table.path, columns.table.row_word
    for cells, line, hit in zip(columns.rows, columns.lines, found, strict=True):
        name, said, part = cells[path], unicodedata.normalize("NFC", label(cells)), split.split_of(cells)
        if not name or len(said) > LONGEST_LABEL or part is None:
            spoken = ", ".join(cells[column] for column in split.used)
            raise DataError(
                f"{where}: {word} {line} says file {name!r}, label {said[:LONGEST_LABEL]!r}, split {spoken!r}. Every "
                f"{word} needs a file and a label of at most {LONGEST_LABEL:,} characters, and a split is train, "
                "validation or test."
            )
        if not said:
            unlabeled.append(line)
            continue
        row = LabeledRow(hit.key or missing_key(name), said, part, line)
        first = first_of.setdefault(row.key, row)
        if first is row:
            rows.append(row)
        elif (first.label, first.split) == (said, part):
            repeated.append(line)
        else:
            raise DataError(
                f"{where}: {word} {first.line} labels {name} {first.label} ({first.split}), but "
                f"{word} {line} labels it {said} ({part}). Keep one {word} per picture; or, if pictures have several "
                "labels, pass --multi-label."
            )
    return rows, _left_out(columns, unlabeled, repeated)


def missing_key(name: str) -> str:
    """Return a key for an image that was not found, below its place: nothing elsewhere is opened in its stead."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"


def _left_out(columns: Columns, unlabeled: list[int], repeated: list[int]) -> list[str]:
    where, word = columns.table.path, columns.table.row_word
    if len(unlabeled) > _MOST * len(columns.rows):
        raise DataError(
            f"{where}: {len(unlabeled):,} of {len(columns.rows):,} {word}s have no label, for example {word} "
            f"{unlabeled[0]}. Its columns: {columns.called(range(len(columns.names)))}. If another one names the "
            "classes, say so with --label-column; otherwise add the labels."
        )
    notices = []
    if unlabeled:
        notices.append(
            f"{where.name}: left out {counted(len(unlabeled), word)} without a label ({_few(unlabeled, word)})"
        )
    if repeated:
        notices.append(
            f"{where.name}: left out {counted(len(repeated), f'repeated {word}')} ({_few(repeated, word)})"
        )
    return notices


def _refuse_all_unlike(columns: Columns, rows: list[LabeledRow]) -> None:
    """Raise if no two images share a label: it is then a caption, an id or a measurement."""
    if len(rows) >= _MANY and len({row.label for row in rows}) == len(rows):
        others = columns.called(range(len(columns.names)))
        raise DataError(
            f"{columns.table.path}: each of the {len(rows):,} pictures has a label of its own, such as "
            f"{rows[0].label[:60]!r}: no class has two pictures. If another column names the classes, say so with "
            f"--label-column (columns: {others})."
        )


def _refuse_quantities(columns: Columns, rows: list[LabeledRow]) -> None:
    """Raise if the labels are numbers that somebody measured, not numbers of classes."""
    counts = Counter(row.label for row in rows)
    if not all(map(_NUMBER.fullmatch, counts)):
        return
    fractions = [label for label in counts if float(label) % 1]
    rare = sum(count for count in counts.values() if count <= _RARE)
    if fractions or (len(counts) > _MANY_NUMBERS and rare > _MOST * len(rows)):
        shown = ", ".join((fractions or list(counts))[:NAMED_AT_MOST])
        raise DataError(
            f"{columns.table.path}: the labels are {len(counts):,} different numbers, such as {shown}, and look like "
            "measurements. tellapart predicts classes, not numbers. Group them into ranges; or, if each number is a "
            "class, confirm that with --label-column."
        )


def _few(lines: list[int], word: str) -> str:
    shown = ", ".join(f"{line}" for line in lines[:NAMED_AT_MOST])
    return f"{word}{'s' * (len(lines) > 1)} {shown}" + (", ..." if len(lines) > NAMED_AT_MOST else "")
