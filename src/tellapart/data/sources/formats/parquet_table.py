"""Parquet files of labels, without the images: all columns of numbers and text, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.data.sources.formats.parquet import opened_parquet
from tellapart.data.sources.formats.parquet_columns import holds_bytes
from tellapart.data.sources.tables.table import MOST_ROWS, Table
from tellapart.errors import DataError

LONGEST_CELL = 20_000
"""Characters. A dictionary lets a small file repeat a long cell as often as it likes."""

_ROWS_AT_ONCE = 1_000


def read_parquet_table(path: Path, content: bytes | None = None) -> Table:
    """Read a parquet file of labels.

    Args:
        path: of the file.
        content: of it, where it does not lie on the disk; such a file is refused.

    Raises:
        DataError: it is damaged, or too large.
        MissingExtraError: pyarrow is not installed.
    """
    if content is not None:
        raise DataError(f"{path}: Parquet is not read inside an archive. Unpack this file, and give it.")
    rows: list[list[str]] = []
    with opened_parquet(path) as (file, footer):
        schema = file.schema_arrow
        names = [name for name in schema.names if not holds_bytes(schema.field(name).type)]
        if footer.rows > MOST_ROWS:
            raise DataError(f"{path}: {footer.rows:,} rows; at most {MOST_ROWS:,} are read.")
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names):
            for name in names:
                _refuse_long_cells(path, batch.column(name))
            cells = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
            rows += [["" if cell is None else str(cell) for cell in row] for row in cells]
    return Table(path, tuple(names), rows, list(range(1, len(rows) + 1)), row_word="row")


def _refuse_long_cells(path: Path, column: Any) -> None:
    import pyarrow.compute
    import pyarrow.types as types

    values = column.dictionary if types.is_dictionary(column.type) else column
    if types.is_string(values.type) or types.is_large_string(values.type):
        longest = pyarrow.compute.max(pyarrow.compute.binary_length(values)).as_py() or 0
        if longest > LONGEST_CELL:
            raise DataError(f"{path}: a cell of {longest:,} characters, as no file of labels has.")
