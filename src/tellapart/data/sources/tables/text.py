"""CSV and its relatives: comma, semicolon, tab, bar or space; UTF-8, UTF-16 or the bytes of an old system.

The separator is the one by which the rows have the same number of cells, which `csv.Sniffer` does not ask.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO

from tellapart.data.csv_file import LONGEST_LINE, bounded_lines
from tellapart.data.sources.tables.table import MOST_ROWS, Table, refused_table
from tellapart.data.split import SPLIT_COLUMNS
from tellapart.text import name_in_cell
from tellapart.untrusted.regular_file import is_regular, open_regular

SEPARATORS = (",", "\t", ";", "|")
"""In the order in which they are preferred where several divide all rows alike."""

_SPACES = "  "
"""Stands for runs of spaces between more than two cells, none of which has a space in it."""

_LOOKED_AT = 100
"""Lines by which the separator is chosen."""

BEGINNING = 4096
"""Bytes by which the encoding is."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""What Excel writes first."""


def read_text_table(path: Path, content: bytes | None = None) -> Table:
    """Read a text file of one row an image.

    Bytes that are no UTF-8 become what Python makes of them in names of files (PEP 383).

    Args:
        path: of the file.
        content: of it, where it does not lie on the disk.

    Raises:
        DataError: it cannot be read, or is no table.
    """
    try:
        with open_regular(path) if content is None else io.BytesIO(content) as raw:
            encoding = encoding_of(raw.read(BEGINNING))
            raw.seek(0)
            errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
            with io.TextIOWrapper(raw, encoding, errors, newline="") as file:
                return _table(path, file)
    except (OSError, csv.Error) as reason:
        why = getattr(reason, "strerror", None) or reason
        is_stream = path.exists() and not path.is_dir() and not is_regular(path)
        advice = " Save the labels to a file first: --resume reads it again." if is_stream else ""
        raise refused_table(path, why, advice) from reason


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a text by its first bytes: a mark, or UTF-16's zero beside every Latin letter."""
    for mark, encoding in _BOMS:
        if beginning.startswith(mark):
            return encoding
    even, odd = beginning[::2], beginning[1::2]
    if len(odd) > 1 and odd.count(0) > 0.4 * len(odd) and not even.count(0):
        return "utf-16-le"
    if len(odd) > 1 and even.count(0) > 0.4 * len(even) and not odd.count(0):
        return "utf-16-be"
    return "utf-8-sig"


def _table(path: Path, file: IO[str]) -> Table:
    lines = bounded_lines(file)
    sample = list(islice(lines, _LOOKED_AT))
    skipped = 0
    separator = None
    if sample and (stated := _SEPARATOR_LINE.fullmatch(sample[0])):
        separator, skipped = stated[1], 1
    separator = separator or separator_of(sample)
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, row in _rows(chain(sample[skipped:], lines), separator):
        if len(rows) > MOST_ROWS:
            raise csv.Error(f"more than {MOST_ROWS:,} rows")
        is_comment = bool(rows) and separator in (" ", _SPACES) and row[:1] and row[0].startswith("#")
        if any(cell.strip() for cell in row) and not is_comment:
            rows.append([name_in_cell(cell) for cell in row])
            numbers.append(number + skipped)
    if (
        rows and tuple(rows[0]) == SPLIT_COLUMNS
    ):  # a run's split.csv: names with spaces at their ends are kept
        return Table(path, SPLIT_COLUMNS, rows[1:], numbers[1:], is_exact=True)
    return Table(path, None, rows, numbers)


def _rows(lines: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    if separator in (" ", _SPACES):
        for number, line in enumerate(lines, 1):
            line = line.removeprefix("# ") if number == 1 else line
            yield number, line.split() if separator == _SPACES else line.rsplit(maxsplit=1)
        return
    reader = csv.reader(lines, delimiter=separator)
    for row in reader:
        yield reader.line_num, row


def separator_of(sample: list[str]) -> str:
    """Return the separator that divides most rows into the same number of cells, at least two; else a comma.

    A space counts only where nothing else divides, and every line ends in a word of its own: `cat 1.jpg 0`.

    Args:
        sample: the first lines.
    """
    best, separator = (0.0, 0), ","
    for candidate in SEPARATORS:
        widths = Counter(_widths(sample, candidate))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        # A header or a row with one comma more than the others does not decide.
        score = (round(count / max(sum(widths.values()), 1), 1), width)
        if width > 1 and score > best:
            best, separator = score, candidate
    filled = [line for line in sample if line.strip()]
    if best == (0.0, 0) and filled and all(len(line.split()) >= 2 for line in filled):
        widths = Counter(len(line.split()) for line in filled if not line.startswith("#"))
        return _SPACES if len(widths) == 1 and min(widths) > 2 else " "
    return separator


def _widths(sample: list[str], separator: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(sample, delimiter=separator) if any(map(str.strip, row))]
    except csv.Error:
        return []


__all__ = ["LONGEST_LINE", "read_text_table", "separator_of"]
