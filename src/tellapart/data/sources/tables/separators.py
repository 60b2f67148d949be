"""Separators: what divides several labels in one cell, and which cells plainly hold several.

Nothing is guessed where two readings are plausible: the error names both, and the option that chooses.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

from tellapart.data.sources.label_choice import SEPARATOR_WORDS
from tellapart.data.sources.tables.columns import Columns
from tellapart.errors import DataError

SIGNS = ("|", ";", ",")
"""That divide labels, where a cell holds one of them; a space may also be part of a label."""

_OPTION = "--label-separator"


def labels_in(cell: str, separator: str) -> tuple[str, ...]:
    """Return the labels of a cell, each once, in their order.

    Args:
        cell: of a table.
        separator: a sign, or one of SEPARATOR_WORDS.

    Raises:
        ValueError: it is no list, where the separator is json.
    """
    if separator == "json":
        parts = list_in(cell)
        if parts is None:
            raise ValueError(f"{cell[:60]!r} is no list of labels")
    elif separator == "none":
        parts = [cell]
    else:
        parts = cell.split(None if separator == "space" else separator)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def list_in(cell: str) -> list[str] | None:
    """Return a list of labels as JSON or Python writes it; None: the cell holds something else."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    content: Any = None
    for parse in (json.loads, ast.literal_eval):
        try:
            content = parse(cell)
            break
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    if not isinstance(content, list) or not all(isinstance(each, str | int) for each in content):
        return None
    return list(map(str, content))


def separator_of_labels(columns: Columns, column: int, choice: str | None, *, rows_repeat: bool) -> str:
    """Return what divides the labels of a column.

    Args:
        columns: the table.
        column: of the labels.
        choice: what somebody said.
        rows_repeat: whether some picture has several rows, so that each may hold one label.

    Raises:
        DataError: it could be either of two, or no cell holds what somebody said.
    """
    cells = [cell for cell in columns.cells(column) if cell]
    where = f"{columns.table.path}: the column {columns.names[column]}"
    if choice is not None:
        if choice not in SEPARATOR_WORDS and not any(choice in cell for cell in cells):
            raise DataError(
                f"{where} has no cell with {choice!r}, such as {cells[0][:60]!r}. Leave out {_OPTION}."
            )
        return choice
    if cells and all(list_in(cell) is not None for cell in cells):
        return "json"
    signs = [sign for sign in SIGNS if any(sign in cell for cell in cells)]
    if len(signs) > 1:
        both = next((cell for cell in cells if all(sign in cell for sign in signs[:2])), None)
        example = f", such as {both[:60]!r}" if both else ""
        raise DataError(
            f"{where} has cells with {' and with '.join(signs)}{example}. Say which divides labels: "
            f"{' or '.join(f'{_OPTION} {chr(39)}{sign}{chr(39)}' for sign in signs)}."
        )
    if signs:
        return signs[0]
    spaced = next((cell for cell in cells if " " in cell), None)
    if spaced is None or rows_repeat:
        return "none"
    words = {word for cell in cells for word in cell.split()}
    if len(words) < len(set(cells)):
        return "space"
    raise DataError(
        f"{where} has cells such as {spaced[:60]!r}: one label, or several? Say {_OPTION} space, or {_OPTION} none "
        "where "
        "each cell is one label."
    )


def refuse_several(labels: Sequence[str], columns: Columns) -> None:
    """Raise where cells that are read as one label plainly hold several: the same parts in ever new combinations.

    Raises:
        DataError: they do.
    """
    whole = set(labels)
    for sign in SIGNS:
        divided = {label: labels_in(label, sign) for label in whole}
        joined = [label for label, parts in divided.items() if len(parts) > 1]
        parts = {part for each in divided.values() for part in each}
        if joined and len(parts) < len(whole):
            example = max(joined, key=labels.count)
            raise DataError(
                f"{columns.table.path}: {example!r} is several labels: {len(parts):,} labels in {len(whole):,} "
                "combinations. To train on several labels a picture, pass --multi-label. If each is one class of its "
                "own, "
                "name the column with --label-column."
            )
