"""CSV files from strangers: read row by row, with a longest line; names as `text.csv_line` was given them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from typing import IO

from tellapart.text import name_in_cell
from tellapart.untrusted.regular_file import open_regular

LONGEST_LINE = 1_000_000
"""Characters."""


def csv_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each row's last line, and its cells, as `text.csv_line` was given them.

    Bytes that are not UTF-8 become what Python makes of them in the names of files.

    Raises:
        OSError: as `open_regular`.
        csv.Error: a line or a cell is too long, or it is UTF-16.
    """
    with io.TextIOWrapper(open_regular(path), "utf-8-sig", "surrogateescape", newline="") as file:
        reader = csv.reader(bounded_lines(file))
        for row in reader:
            yield reader.line_num, [name_in_cell(cell) for cell in row]


def bounded_lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a text.

    Raises:
        csv.Error: a line is longer than LONGEST_LINE, or holds zero bytes.
    """
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line of more than {LONGEST_LINE:,} characters")
        if "\0" in line:
            raise csv.Error(
                "it holds zero bytes: it is no text, or text in UTF-16 or UTF-32; save it as UTF-8"
            )
        yield line
