"""Tidying labels: what spreadsheets and pandas add to them, taken away, and said where it joins classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tellapart.data.sources.tables.columns import Columns
from tellapart.data.sources.tables.table import LabeledRow

_WHOLE = re.compile(r"(-?\d+)\.0+")
"""A whole number as pandas writes it in a column in which one is missing."""


def without_decimals(rows: list[LabeledRow]) -> list[LabeledRow]:
    """Return rows whose labels are 1, 2 where all are 1.0, 2.0; else the very rows."""
    number_of = {label: _WHOLE.fullmatch(label) for label in {row.label for row in rows}}
    if not all(number_of.values()):
        return rows
    return [replace(row, label=match[1]) for row in rows if (match := number_of[row.label])]


def notices_of_spaces(columns: Columns, column: int | None) -> list[str]:
    """Return a notice where labels differ in nothing but spaces at their ends, which do not count.

    Args:
        columns: the table, without these spaces.
        column: of the labels; None: no column holds them as they are.
    """
    if column is None or columns.table.is_exact:
        return []
    written = _as_written(columns, column)
    forms: dict[str, set[str]] = {}
    for cell in set(written):
        forms.setdefault(cell.strip(), set()).add(cell)
    joined = sorted(label for label, spelled in forms.items() if label and len(spelled) > 1)
    if not joined:
        return []
    spelled = " and ".join(map(repr, sorted(forms[joined[0]])))
    return [f"{columns.table.path.name}: {spelled} are one class: spaces at the ends of labels do not count"]


def _as_written(columns: Columns, column: int) -> Sequence[str]:
    rows = columns.table.rows[len(columns.table.rows) - len(columns.rows) :]
    return [row[column] for row in rows if column < len(row)]
