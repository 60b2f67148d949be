"""Label sets: from a table and the images beside it to rows of several labels a picture, or none.

Three forms are read: one column of labels with a separator; columns of 0 and 1, one a label; several rows a picture.
The last may be joined with the first. What was taken is said.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.tables.boxes import are_box_columns, boxes_refused
from tellapart.data.sources.tables.columns import Columns, SplitRule, columns_of, path_column, split_rule
from tellapart.data.sources.tables.finder import Finder, Found
from tellapart.data.sources.tables.label_column import COLD, HOT, NO_LABELS, known_columns, likeliest_column
from tellapart.data.sources.tables.misses import refuse_many_missing, refuse_pixels
from tellapart.data.sources.tables.place import Place
from tellapart.data.sources.tables.roles import PATH_NAMES, squashed
from tellapart.data.sources.tables.rows import LONGEST_LABEL, decoded, how_found, missing_key
from tellapart.data.sources.tables.separators import labels_in, separator_of_labels
from tellapart.data.sources.tables.splits import split_of_folders
from tellapart.data.sources.tables.table import MOST_COLUMNS, MultiLabelRow, Table
from tellapart.errors import ConfigError, DataError
from tellapart.text import counted, natural_key

_MANY = 10
"""Labels of all pictures together, from which on those that appear once each are refused."""

_MOSTLY = 0.5
"""Share of a column's cells that are 0 or 1, from which on another one is a slip."""

LabelsOf = Callable[[Sequence[str]], Iterable[str]]
"""A row's labels."""


@dataclass(frozen=True, slots=True)
class MultiLabelRows:
    """What a table says of a place's images."""

    rows: list[MultiLabelRow]
    class_names: tuple[str, ...]
    notices: tuple[str, ...]


def multi_label_rows(table: Table, place: Place, choice: Labels) -> MultiLabelRows:
    """Read which image has which labels.

    Args:
        table: as its file has it.
        place: where the images lie.
        choice: what somebody said about columns.

    Raises:
        ConfigError: a pattern, which finds one class in a path.
        DataError: a column is missing or could be another, a row is wrong, or most images are not there.
    """
    if choice.pattern is not None:
        raise ConfigError(
            "A label pattern finds one class in each path. Leave out --label-pattern or --multi-label."
        )
    finder = Finder(place)
    columns = columns_of(decoded(table, finder), finder)
    if len(columns.names) > MOST_COLUMNS:
        refuse_pixels(columns)
    path = path_column(columns, finder, choice)
    free = [column for column in range(len(columns.names)) if column != path]
    if path is None or not free or not columns.rows:
        raise DataError(_lacking(columns))
    split = split_rule(columns, free, choice)
    free = [column for column in free if column not in split.used]
    found = [finder.find(cell) for cell in columns.cells(path)]
    labels, order, notices = _labels_of(columns, path, free, choice)
    refuse_many_missing(columns, path, found, place)
    rows = _rows(columns, path, split, labels, found)
    names = order or tuple(sorted({name for row in rows for name in row.labels}, key=natural_key))
    _refuse_all_unlike(columns, rows, names)
    if not split.used:
        rows, by_folder = split_of_folders(rows)
        notices += by_folder
    elif split.flags:
        notices.append(f"Splits read from {columns.called(split.used)} (yes or no)")
    notices += [_counts_in_words(columns, rows, names), *how_found(columns, path, found, place)]
    return MultiLabelRows(rows, names, tuple(notices))


def _lacking(columns: Columns) -> str:
    refuse_pixels(columns)
    word = columns.table.row_word
    if not columns.rows:
        return f"{columns.table.path}: no {word}s, so no training pictures. Add one {word} per picture."
    return (
        f"{columns.table.path}: columns {columns.called(range(len(columns.names)))[:200]}; expected file and labels. "
        "One "
        "column names the pictures, one their labels, or one column of 0 and 1 each label; say which with "
        "--path-column "
        "and --label-column."
    )


def _labels_of(
    columns: Columns, path: int, free: Sequence[int], choice: Labels
) -> tuple[LabelsOf, tuple[str, ...], list[str]]:
    """Return what tells a row's labels; their order, where the columns have one; and notices of what was taken."""
    where = columns.table.path.name
    if choice.label_column is not None:
        column = columns.chosen(choice.label_column, "--label-column")
    elif are_box_columns(columns.names):
        raise boxes_refused(columns.table.path, "its columns")
    elif not known_columns(columns, free) and (flags := _flag_columns(columns, free)):
        if choice.label_separator is not None:
            raise DataError(
                f"{columns.table.path}: labels are columns of 0 and 1 ({columns.called(flags)}), without a separator. "
                "Leave out --label-separator, or name the column of labels with --label-column."
            )
        notices = [f"{where}: {len(flags)} columns of 0 and 1 are the labels ({columns.called(flags)})"]
        others = [column for column in free if column not in flags]
        if others:
            notices.append(f"{where}: not used: {columns.called(others)}")
        order = tuple(columns.names[column] for column in flags)

        def of_flags(row: Sequence[str]) -> Iterable[str]:
            return [columns.names[column] for column in flags if row[column].lower() in HOT]

        return of_flags, order, notices
    else:
        likeliest = likeliest_column(columns, free)
        assert likeliest is not None  # some column is free
        column = likeliest
    paths = columns.cells(path)
    rows_repeat = len(set(paths)) < len(paths)
    separator = separator_of_labels(columns, column, choice.label_separator, rows_repeat=rows_repeat)
    taken = {"none": "one label a cell", "space": "labels divided by spaces", "json": "lists of labels"}
    said = taken.get(separator, f"labels divided by {separator}")

    def of_cell(row: Sequence[str]) -> Iterable[str]:
        cell = row[column]
        return () if cell.lower() in NO_LABELS or cell == "[]" else labels_in(cell, separator)

    return of_cell, (), [f"{where}: column {columns.names[column]}: {said}"]


def _flag_columns(columns: Columns, free: Sequence[int]) -> list[int]:
    """Return the columns of 0 and 1, at least two; none where there is no header that could name them.

    Raises:
        DataError: a cell among zeros and ones is neither.
    """
    flags = []
    for column in free:
        cells = [cell.lower() for cell in columns.cells(column)]
        odd = next((place for place, cell in enumerate(cells) if cell not in HOT | COLD), None)
        if odd is None:
            flags.append(column)
        elif sum(cell in HOT | COLD for cell in cells) > _MOSTLY * len(cells) and {"0", "1"} <= set(cells):
            raise DataError(
                f"{columns.table.path}: {columns.table.row_word} {columns.lines[odd]} has {cells[odd]!r} for "
                f"{columns.names[column]}; accepted: 0 or 1. Write 0 where a picture lacks the label, and leave out "
                "pictures of which nobody knows."
            )
    is_path = {column for column in flags if squashed(columns.names[column]) in PATH_NAMES}
    flags = [column for column in flags if column not in is_path]
    return flags if len(flags) > 1 and columns.has_header else []


def _rows(
    columns: Columns, path: int, split: SplitRule, labels: LabelsOf, found: Sequence[Found]
) -> list[MultiLabelRow]:
    """Return a row for each picture; what several rows say of one is put together."""
    row_of: dict[str, MultiLabelRow] = {}
    where, word = columns.table.path, columns.table.row_word
    for cells, line, hit in zip(columns.rows, columns.lines, found, strict=True):
        name, part = cells[path], split.split_of(cells)
        try:
            said = tuple(unicodedata.normalize("NFC", label) for label in labels(cells))
        except ValueError as reason:
            raise DataError(f"{where}: {word} {line}: {reason}.") from None
        if not name or part is None or max(map(len, said), default=0) > LONGEST_LABEL:
            spoken = ", ".join(cells[column] for column in split.used)
            raise DataError(
                f"{where}: {word} {line} says file {name!r}, split {spoken!r}. Every {word} needs a file and labels "
                "of at "
                f"most {LONGEST_LABEL:,} characters, and a split is train, validation or test."
            )
        key = hit.key or missing_key(name)
        before = row_of.get(key)
        if before is None:
            row_of[key] = MultiLabelRow(key, said, part, line)
        elif before.split != part:
            raise DataError(
                f"{where}: {word} {before.line} has {name} in {before.split}, {word} {line} in {part}. A picture has "
                "one "
                "split."
            )
        else:
            row_of[key] = replace(before, labels=tuple(dict.fromkeys((*before.labels, *said))))
    return list(row_of.values())


def _refuse_all_unlike(columns: Columns, rows: list[MultiLabelRow], names: Sequence[str]) -> None:
    """Raise if hardly any label appears twice: they are then captions, ids or measurements."""
    said = sum(len(row.labels) for row in rows)
    if said >= _MANY and len(names) > 0.9 * said:
        raise DataError(
            f"{columns.table.path}: {len(names):,} labels, such as {names[0][:60]!r}, and hardly any appears twice. If "
            f"another column names the labels, say so with --label-column (columns: "
            f"{columns.called(range(len(columns.names)))})."
        )


def _counts_in_words(columns: Columns, rows: list[MultiLabelRow], names: Sequence[str]) -> str:
    counts = [len(row.labels) for row in rows]
    least, most = min(counts), max(counts)
    each = f"{least}" if least == most else f"{least} to {most}"
    none = sum(not count for count in counts)
    without = f"; {counted(none, 'picture')} without any, which show none of them" if none else ""
    return f"{columns.table.path.name}: {len(names)} labels, {each} a picture{without}"
