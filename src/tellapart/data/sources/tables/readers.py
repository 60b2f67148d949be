"""Readers: which file of labels is read how, by its ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tellapart.data.sources.formats.parquet_table import read_parquet_table
from tellapart.data.sources.tables.objects import read_json, read_json_lines
from tellapart.data.sources.tables.table import Table, refused_table
from tellapart.data.sources.tables.text import read_text_table
from tellapart.errors import DataError
from tellapart.paths import no_such_picture

READERS: dict[str, Callable[[Path, bytes | None], Table]] = {
    ".csv": read_text_table,
    ".tsv": read_text_table,
    ".tab": read_text_table,
    ".txt": read_text_table,
    ".lst": read_text_table,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".parquet": read_parquet_table,
}
"""Ending, lower case -> reader. A file of another ending is read as text."""

_FOREIGN = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), "a spreadsheet"),
    ".mat": "a MATLAB file",
    **dict.fromkeys((".pkl", ".pickle"), "a pickle, which may run programs"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "a database"),
    ".xml": "XML",
}
"""Ending, lower case -> what files of it are, which are not read."""


def is_table_name(name: str) -> bool:
    """Return whether a file called so may be one of labels."""
    return Path(name).suffix.lower() in READERS


def read_table(path: Path, content: bytes | None = None) -> Table:
    """Read a file of labels.

    Args:
        path: of the file.
        content: of it, where it does not lie on the disk.

    Raises:
        DataError: it cannot be read, or is of another kind.
    """
    if content is None and not path.exists():
        raise DataError(no_such_picture(path))
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        raise refused_table(
            path, _FOREIGN[suffix], " Save it as CSV with the columns file,label, and give that file."
        )
    return READERS.get(suffix, read_text_table)(path, content)
