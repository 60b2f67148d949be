"""Parquet shards: rows of an encoded picture and a label, as Hugging Face writes them; a group of rows is a part."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from tellapart.data.shards.index import LARGEST_PIECE, Shard
from tellapart.data.shards.places import read_range
from tellapart.data.shards.samples import Sample
from tellapart.data.shards.tar_format import ListedPiece
from tellapart.data.sources.formats.parquet import ROWS_AT_ONCE, class_names_in
from tellapart.data.sources.formats.parquet_columns import image_and_label
from tellapart.data.sources.formats.parquet_pages import LARGEST_FOOTER, check_pages, read_footer
from tellapart.data.sources.label_choice import Labels
from tellapart.errors import DataError, MissingExtraError
from tellapart.untrusted.regular_file import most_unpacked

_ENDING = 8
"""Bytes: the footer's length and a mark."""

_FOOTERS_KEPT = 256


def list_parquet(address: str, size: int, label_column: str | None) -> Iterator[ListedPiece]:
    """Yield the groups of rows of a shard.

    Args:
        address: of the shard.
        size: its bytes.
        label_column: that holds the labels; None: it is recognized.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged; DataError: a column is missing.
        MissingExtraError: pyarrow is not installed.
    """
    for number, (start, stop) in enumerate(row_groups(address, size)):
        content = read_range(address, start, stop)
        shard = Shard(address, "train", size, ())
        rows = _rows(shard, number, start, content, label_column, with_images=False)
        samples = tuple((sample, 0) for sample in rows if sample.label)
        yield ListedPiece(start, stop - start, samples, len(rows) - len(samples))


def samples_of_parquet(shard: Shard, number: int, content: bytes, label_column: str | None) -> list[Sample]:
    """Return the labeled pictures of a group of rows; arguments and errors as in `samples_of_tar`."""
    rows = _rows(shard, number, shard.pieces[number].start, content, label_column, with_images=True)
    return [sample for sample in rows if sample.label]


def names_in_parquet(address: str, size: int, label_column: str | None) -> tuple[str, ...] | None:
    """Return the class names that Hugging Face keeps in the schema; None: there are none."""
    file = _opened(_Parts([(size - len(_footer(address, size)), _footer(address, size))], size))
    _, label = image_and_label(Path(address), file.schema_arrow, Labels(label_column=label_column))
    return class_names_in(label, file.schema_arrow.metadata or {})


class _Parts(io.RawIOBase):
    """A file of which some parts are here; all other bytes read as zeros, of which no page can be made."""

    def __init__(self, parts: list[tuple[int, bytes]], size: int) -> None:
        self._parts, self._size, self._place = parts, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        wanted = self._size - self._place if size < 0 else min(size, self._size - self._place)
        if wanted <= 0:
            return b""
        if wanted > LARGEST_PIECE:
            raise ValueError(f"a group of rows of {wanted:,} bytes")
        asked = bytearray(wanted)
        for start, content in self._parts:
            first, last = max(start, self._place), min(start + len(content), self._place + wanted)
            if first < last:
                asked[first - self._place : last - self._place] = content[first - start : last - start]
        self._place += wanted
        return bytes(asked)


@lru_cache(maxsize=_FOOTERS_KEPT)
def _footer(address: str, size: int) -> bytes:
    """Return the end of a parquet file, from its footer on."""
    ending = read_range(address, max(0, size - _ENDING), size)
    length = int.from_bytes(ending[:4], "little") + _ENDING
    if ending[4:] != b"PAR1" or length > min(size, LARGEST_FOOTER):
        raise ValueError("it does not end as a parquet file does")
    return read_range(address, size - length, size)


def _opened(file: _Parts) -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "Reading parquet shards") from None
    return pyarrow.parquet.ParquetFile(file)


def row_groups(address: str, size: int) -> list[tuple[int, int]]:
    """Return where each group of rows of a parquet file begins and ends.

    Args:
        address: of the file.
        size: its bytes.
    """
    footer = _footer(address, size)
    metadata = _opened(_Parts([(size - len(footer), footer)], size)).metadata
    places = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        starts = [
            min(offset for offset in (column.dictionary_page_offset, column.data_page_offset) if offset)
            for column in columns
        ]
        stop = max(
            start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)
        )
        if not 0 <= min(starts) < stop <= size or stop - min(starts) > LARGEST_PIECE:
            raise ValueError(f"a group of rows of {stop - min(starts):,} bytes")
        places.append((min(starts), stop))
    return places


def _rows(
    shard: Shard, number: int, start: int, content: bytes, label_column: str | None, *, with_images: bool
) -> list[Sample]:
    """Return all rows of a group; the label is empty where there is none, the picture where it is not wanted."""
    footer = _footer(shard.address, shard.size)
    parts = _Parts([(start, content), (shard.size - len(footer), footer)], shard.size)
    try:
        file = _opened(parts)
        image, label = image_and_label(Path(shard.name), file.schema_arrow, Labels(label_column=label_column))
        claims = read_footer(parts)  # type: ignore[arg-type]
        width = len(claims.chunks) // max(1, file.metadata.num_row_groups)
        of_group = dataclasses.replace(claims, chunks=claims.chunks[number * width : (number + 1) * width])
        check_pages(parts, of_group)  # type: ignore[arg-type]
        samples: list[Sample] = []
        held, most = 0, most_unpacked(len(content))
        for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[number], columns=[image, label]):
            for cell, value in zip(
                batch.column(image).to_pylist(), batch.column(label).to_pylist(), strict=True
            ):
                pixels, key = _picture(cell, f"{number}-{len(samples)}")
                held += len(pixels)
                samples.append(Sample(key, pixels if with_images else b"", _label(value)))
            if held > most:
                raise ValueError(f"a group of rows would unpack to more than {most:,} bytes")
    except (DataError, MissingExtraError):
        raise
    except Exception as reason:  # a damaged file raises nearly anything
        raise ValueError(f"damaged rows ({reason})") from reason
    return samples


def _picture(cell: Any, place: str) -> tuple[bytes, str]:
    content, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if not isinstance(content, bytes):
        raise ValueError(f"row {place} holds no encoded picture (a struct with bytes is expected)")
    return content, name if isinstance(name, str) and name else place


def _label(value: Any) -> str:
    return "" if value is None or value == -1 else str(value)
