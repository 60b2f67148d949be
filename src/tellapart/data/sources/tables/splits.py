"""Split cells: what a row says about its split, in words or as yes and no."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from tellapart.data.sources.split_words import split_of
from tellapart.data.sources.tables.table import LabeledRow, MultiLabelRow

Row = TypeVar("Row", LabeledRow, MultiLabelRow)

_OF_COMPETITIONS = {
    "publictest": "validation",
    "privatetest": "test",
    "holdout": "test",
    "tr": "train",
    "te": "test",
}
"""FER2013's, and others that mean nothing else in a column of splits."""


def split_word(cell: str) -> str | None:
    """Return the split that a word means; an empty cell is training; None: no split."""
    word = cell.strip().lower()
    if not word:
        return "train"
    return split_of(word) or _OF_COMPETITIONS.get(word)


def split_of_folders(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Divide rows by the first folder of their paths, where each of these folders means a split.

    Returns:
        The rows, and a notice of it; as they were, and none, where the folders mean nothing.
    """
    firsts = {row.key.partition("/")[0] for row in rows if "/" in row.key}
    word_of = {first: split_word(first) for first in firsts}
    splits = set(word_of.values())
    if not all("/" in row.key for row in rows) or None in splits or len(splits) < 2 or "train" not in splits:
        return rows, []
    divided = [replace(row, split=word_of[row.key.partition("/")[0]] or "train") for row in rows]
    return divided, [f"Splits by folder: {', '.join(sorted(firsts))}"]
