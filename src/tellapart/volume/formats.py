"""The forms of a file of predictions, by the ending of its name: one entry in `FORMATS` each.

A form writes a part of the rows at a time, and joins the parts. The joined file depends on the rows alone, not on where
a job was stopped.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tellapart.classifier.prediction import Prediction
from tellapart.classifier.prediction_rows import as_cell
from tellapart.data.reading_notes import UnreadableImage
from tellapart.errors import ConfigError, MissingExtraError
from tellapart.text import as_bytes, csv_line
from tellapart.volume.columns import ERROR, Columns

Answers = Sequence[Prediction | UnreadableImage]

VALUES_OF_A_ROW_GROUP = 4_000_000
"""Of a parquet file, in all columns, at most; readers take one group into memory at a time."""

ROWS_OF_A_ROW_GROUP = 100_000


class Format(Protocol):
    """A form in which predictions are written."""

    def part(self, answers: Answers) -> bytes:
        """Return some rows as the content of a part."""
        ...

    def join(self, parts: Iterable[Path], place: Path) -> None:
        """Write the whole file from its parts, in order."""
        ...


class CsvFile:
    """A header, then a line for each picture, UTF-8; names as in `predict --csv`."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def part(self, answers: Answers) -> bytes:
        """Return a line for each picture."""
        lines = (csv_line(map(as_cell, self.columns.values(answer))) for answer in answers)
        return as_bytes("".join(lines))

    def join(self, parts: Iterable[Path], place: Path) -> None:
        """Write the header and all lines."""
        _concatenated(as_bytes(csv_line(self.columns.names)), parts, place)


class JsonLines:
    """An object for each picture on a line of its own: that of `predict --json`, or `picture` and `error`."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def part(self, answers: Answers) -> bytes:
        """Return an object a line."""
        return "".join(f"{json.dumps(self._object(answer))}\n" for answer in answers).encode("ascii")

    def _object(self, answer: Prediction | UnreadableImage) -> dict[str, Any]:
        if isinstance(answer, UnreadableImage):
            return {"picture": answer.id, ERROR: answer.reason}
        return self.columns.rows.as_dict(answer)

    def join(self, parts: Iterable[Path], place: Path) -> None:
        """Write all lines."""
        _concatenated(b"", parts, place)


class ParquetFile:
    """The columns of CSV with types; probabilities are float32, as the network gives them.

    Parquet holds text alone, so bytes of a file's name that are not UTF-8 are written as \\xff.
    """

    def __init__(self, columns: Columns) -> None:
        """Import pyarrow.

        Raises:
            MissingExtraError: it is not installed.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "Writing predictions as parquet") from None
        self.columns = columns
        self.pyarrow: Any = pyarrow
        types = {name: pyarrow.float32() for name in columns.probabilities}
        types |= {name: pyarrow.float64() for name in ("group_probability", "novelty", "novelty_limit")}
        types |= {"familiar": pyarrow.bool_()}
        self.schema = pyarrow.schema(
            [(_as_text(name), types.get(name, pyarrow.string())) for name in columns.names]
        )

    def part(self, answers: Answers) -> bytes:
        """Return the rows as a parquet file of their own."""
        by_column = zip(*map(self.columns.values, answers), strict=True)
        arrays = [
            self.pyarrow.array(list(map(_as_text, values)), field.type)
            for values, field in zip(by_column, self.schema, strict=True)
        ]
        content = io.BytesIO()
        self.pyarrow.parquet.write_table(
            self.pyarrow.Table.from_arrays(arrays, schema=self.schema), content, compression="zstd"
        )
        return content.getvalue()

    def join(self, parts: Iterable[Path], place: Path) -> None:
        """Write row groups of equal numbers of rows."""
        rows_of_group = max(1, min(ROWS_OF_A_ROW_GROUP, VALUES_OF_A_ROW_GROUP // len(self.schema)))
        with self.pyarrow.parquet.ParquetWriter(place, self.schema, compression="zstd") as writer:
            waiting = self.schema.empty_table()
            for part in parts:
                table = self.pyarrow.parquet.read_table(part, partitioning=None)
                waiting = self.pyarrow.concat_tables([waiting, table])
                while len(waiting) >= rows_of_group:
                    writer.write_table(waiting.slice(0, rows_of_group), row_group_size=rows_of_group)
                    waiting = waiting.slice(rows_of_group)
            if len(waiting):
                writer.write_table(waiting, row_group_size=rows_of_group)


FORMATS: Mapping[str, Callable[[Columns], Format]] = {
    ".csv": CsvFile,
    ".jsonl": JsonLines,
    ".parquet": ParquetFile,
}
"""Ending -> form."""


def format_of(place: Path) -> Callable[[Columns], Format]:
    """Return the form that a file's ending means.

    Raises:
        ConfigError: it means none.
    """
    chosen = FORMATS.get(place.suffix.lower())
    if chosen is None:
        raise ConfigError(
            f"{place}: the ending says how predictions are written, and {place.suffix or 'no ending'} is none that is "
            f"known. Accepted: {', '.join(FORMATS)}, such as {place.stem or 'predictions'}.csv"
        )
    return chosen


def _concatenated(beginning: bytes, parts: Iterable[Path], place: Path) -> None:
    with place.open("wb") as whole:
        whole.write(beginning)
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, whole, 1 << 20)


def _as_text(value: Any) -> Any:
    """Return a text as every UTF-8 file can hold it; anything else as it is."""
    if not isinstance(value, str) or value.isascii():
        return value
    return as_bytes(value).decode("utf-8", "backslashreplace")
