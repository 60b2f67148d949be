"""The pages of a parquet file, whose headers are read before pyarrow allocates what they claim.

Footer and headers are structs of Thrift's compact protocol. pyarrow checks no page, and shows its own reading of some
damaged footers by ending the process.

Source: https://github.com/apache/parquet-format, parquet.thrift
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from tellapart.untrusted.regular_file import ALWAYS_ALLOWED

LARGEST_PAGE_GROWTH = 20
"""How many times its packed size a page may have: encoded pictures hardly shrink."""

MOST_PAGES, LARGEST_FOOTER, LONGEST_LIST = 300_000, 50_000_000, 1_000_000
"""The last is of a footer or header, where a list of a few bytes may claim any number of values."""

MOST_FIELDS = 100
"""Of a struct; the format's largest has 14. Each is compared with those before it."""

_BOOLEANS, _BYTE, _NUMBERS, _I32, _I64, _DOUBLE = (1, 2), 3, (4, 5, 6), 5, 6, 7
_BINARY, _LIST, _SET, _STRUCT = 8, 9, 10, 12
"""Types of the compact protocol; a boolean's value is its type."""

Struct = dict[tuple[int, int], Any]
"""Values by number and type of their field: as in pyarrow, a field of another type is as good as none."""


@dataclass(frozen=True, slots=True)
class ParquetFooter:
    """What a footer claims."""

    rows: int
    unpacked_bytes: int
    chunks: tuple[Struct, ...]
    """The metadata of each column of each group of rows."""


def read_footer(file: IO[bytes]) -> ParquetFooter:
    """Read the footer of a parquet file.

    Raises:
        ValueError: it is damaged.
        KeyError: it lacks something.
        EOFError: it ends too early.
    """
    end = file.seek(-8, io.SEEK_END)
    size = int.from_bytes(file.read(4), "little")
    if size > min(end, LARGEST_FOOTER):
        raise ValueError(f"its footer has {size:,} bytes")
    file.seek(end - size)
    groups = _struct(io.BytesIO(file.read(size)))[4, _LIST]
    chunks = tuple(chunk[3, _STRUCT] for group in groups for chunk in group[1, _LIST])
    return ParquetFooter(
        sum(group[3, _I64] for group in groups), sum(group[2, _I64] for group in groups), chunks
    )


def check_pages(file: IO[bytes], footer: ParquetFooter) -> None:
    """Hold what pages claim to be against what the file holds.

    Raises:
        ValueError: a page claims more values or bytes than it can have.
        KeyError: a header lacks something.
        EOFError: there is none where one should be.
    """
    pages = 0
    for chunk in footer.chunks:
        for page in _pages(file, chunk):
            pages += 1
            if page.unpacked > max(ALWAYS_ALLOWED, LARGEST_PAGE_GROWTH * page.packed):
                raise ValueError(f"a page of {page.packed:,} bytes claims to unpack to {page.unpacked:,}")
            if page.values > (page.unpacked if page.is_dictionary else chunk[5, _I64]):
                raise ValueError(f"a page of {page.unpacked:,} bytes claims to hold {page.values:,} values")
            if pages > MOST_PAGES:
                raise ValueError(f"it has more than {MOST_PAGES:,} pages")


@dataclass(frozen=True, slots=True)
class _Page:
    """What the header of a page claims: bytes as they lie in the file and unpacked, and values."""

    packed: int
    unpacked: int
    values: int
    is_dictionary: bool


def _pages(file: IO[bytes], chunk: Struct) -> Iterator[_Page]:
    first, dictionary = chunk[9, _I64], chunk.get((11, _I64), 0)
    place, values = dictionary if 0 < dictionary < first else first, 0
    while values < chunk[5, _I64]:
        file.seek(place)
        page = _page(_struct(file))
        if page.packed < 0 or page.unpacked < 0 or page.values < 0:
            raise ValueError("a page has a negative size")
        place = file.tell() + page.packed
        values += 0 if page.is_dictionary else page.values
        yield page


def _page(header: Struct) -> _Page:
    dictionary = header.get((7, _STRUCT))
    of_values = dictionary or header.get((5, _STRUCT)) or header.get((8, _STRUCT)) or {(1, _I32): 0}
    return _Page(header[3, _I32], header[2, _I32], of_values[1, _I32], dictionary is not None)


def _struct(file: IO[bytes]) -> Struct:
    fields: Struct = {}
    last = 0
    while head := _byte(file):
        last = last + (head >> 4) if head >> 4 else _signed(file)
        if len(fields) > MOST_FIELDS:
            raise ValueError(f"a header of more than {MOST_FIELDS} fields")
        if any(field == last for field, _ in fields):
            raise ValueError(f"field {last} occurs twice")
        fields[last, head & 15] = _value(file, head & 15)
    return fields


def _value(file: IO[bytes], kind: int) -> Any:
    """Return a number, a struct or a list; pass over what else there may be."""
    if kind in _NUMBERS:
        return _signed(file)
    if kind == _STRUCT:
        return _struct(file)
    if kind in (_LIST, _SET):
        head = _byte(file)
        inner = _BYTE if head & 15 in _BOOLEANS else head & 15
        count = head >> 4 if head >> 4 < 15 else _unsigned(file)
        if count > LONGEST_LIST:
            raise ValueError(f"a list of {count:,} values")
        return [_value(file, inner) for _ in range(count)]
    if kind not in (*_BOOLEANS, _BYTE, _DOUBLE, _BINARY):
        raise ValueError(f"a field of type {kind}")
    size = _unsigned(file) if kind == _BINARY else {_BYTE: 1, _DOUBLE: 8}.get(kind, 0)
    file.seek(size, io.SEEK_CUR)
    return None


def _signed(file: IO[bytes]) -> int:
    value = _unsigned(file)
    return (value >> 1) ^ -(value & 1)


def _unsigned(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = _byte(file)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError("a number of more than 64 bits")


def _byte(file: IO[bytes]) -> int:
    byte = file.read(1)
    if not byte:
        raise EOFError("it ends within a header")
    return byte[0]
