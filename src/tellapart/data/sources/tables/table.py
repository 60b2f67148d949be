"""Table: rows of text cells, as a file of labels has them, and the errors about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tellapart.errors import DataError

MOST_ROWS = 1_500_000
"""Of a file of labels: ImageNet has 1,281,167 training pictures."""

MOST_COLUMNS = 10_000
"""Of a file of labels. Each is looked at; more are pixels, or somebody means harm."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What a file of labels holds."""

    path: Path
    """Of the file."""

    header: tuple[str, ...] | None
    """Names of the columns; None: the first row may be a header, or not."""

    rows: list[list[str]]
    """Cells, as they are; a row may be shorter than another."""

    lines: list[int]
    """The line that each row ends on, or its number from 1."""

    row_word: str = "line"
    """What `lines` count."""

    is_exact: bool = False
    """Whether spaces at the ends of cells belong to them, as in a file that tellapart wrote."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """Columns of the widest row."""
        return max(map(len, self.rows), default=0)


@dataclass(frozen=True, slots=True)
class LabeledRow:
    """One image with its label and its split."""

    key: str
    """Of the image in its place."""

    label: str
    split: str
    line: int


@dataclass(frozen=True, slots=True)
class MultiLabelRow:
    """One image with its labels, often several, and its split."""

    key: str
    """Of the image in its place."""

    labels: tuple[str, ...]
    split: str
    line: int


def refused_table(path: Path, why: object, advice: str = "") -> DataError:
    """Return the error for a file of labels that cannot be read at all."""
    return DataError(f"{path}: not a readable file of labels ({why}).{advice}")
