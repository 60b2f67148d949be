"""The pages of a parquet file, whose headers are read before pyarrow allocates what they claim.

A header is a struct of Thrift's compact protocol. Source: https://parquet.apache.org/docs/file-format/data-pages/
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any

from tellapart.untrusted.regular_file import ALWAYS_ALLOWED

LARGEST_PAGE_GROWTH = 20
"""How many times its packed size a page may have: encoded pictures hardly shrink."""

MOST_PAGES = 100_000

_BOOLEANS, _BYTE, _NUMBERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
"""Types of the compact protocol; a boolean's value is its type."""

_UNPACKED, _PACKED, _DATA_HEADER, _DICTIONARY_HEADER, _DATA_HEADER_V2, _COUNT = 2, 3, 5, 7, 8, 1
"""Numbers of fields, of a page's header and of the headers within it."""


def check_pages(file: IO[bytes], metadata: Any, columns: Collection[str]) -> None:
    """Hold what pages claim to be against what the file holds.

    Args:
        file: a parquet file.
        metadata: of pyarrow, which checks no page.
        columns: the names of those that will be read.

    Raises:
        ValueError: a page claims more values or bytes than it can have.
        EOFError: there is none where one should be.
    """
    pages = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            chunk = row_group.column(number)
            if chunk.path_in_schema.split(".")[0] not in columns:
                continue
            for page in _pages(file, chunk):
                pages += 1
                if page.unpacked > max(ALWAYS_ALLOWED, LARGEST_PAGE_GROWTH * page.packed):
                    raise ValueError(f"a page of {page.packed:,} bytes claims {page.unpacked:,}")
                if page.values > (page.unpacked if page.is_dictionary else chunk.num_values):
                    raise ValueError(f"a page of {page.unpacked:,} bytes claims {page.values:,} values")
                if pages > MOST_PAGES:
                    raise ValueError(f"it has more than {MOST_PAGES:,} pages")


@dataclass(frozen=True, slots=True)
class _Page:
    """What the header of a page claims: bytes as they lie in the file and unpacked, and values."""

    packed: int
    unpacked: int
    values: int
    is_dictionary: bool


def _pages(file: IO[bytes], chunk: Any) -> Iterator[_Page]:
    place, values = chunk.data_page_offset, 0
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < place:
        place = chunk.dictionary_page_offset
    while values < chunk.num_values:
        file.seek(place)
        header = _struct(file)
        page = _page(header)
        place = file.tell() + page.packed
        if page.packed < 0 or page.unpacked < 0 or page.values < 0:
            raise ValueError("a page of less than nothing")
        values += 0 if page.is_dictionary else page.values
        yield page


def _page(header: dict[int, Any]) -> _Page:
    dictionary = header.get(_DICTIONARY_HEADER)
    of_values = dictionary or header.get(_DATA_HEADER) or header.get(_DATA_HEADER_V2) or {_COUNT: 0}
    return _Page(header[_PACKED], header[_UNPACKED], of_values[_COUNT], dictionary is not None)


def _struct(file: IO[bytes]) -> dict[int, Any]:
    """Return the numbers and structs of a struct by field."""
    fields: dict[int, Any] = {}
    last = 0
    while head := _byte(file):
        last = last + (head >> 4) if head >> 4 else _signed(file)
        fields[last] = _value(file, head & 15)
    return fields


def _value(file: IO[bytes], kind: int) -> Any:
    """Return a number or a struct; pass over what else there may be."""
    if kind in _NUMBERS:
        return _signed(file)
    if kind == _STRUCT:
        return _struct(file)
    if kind in _LISTS:
        head = _byte(file)
        for _ in range(head >> 4 if head >> 4 < 15 else _unsigned(file)):
            _value(file, head & 15)
    elif kind == _BINARY:
        file.seek(_unsigned(file), 1)
    elif kind in (_BYTE, _DOUBLE):
        file.seek(1 if kind == _BYTE else 8, 1)
    elif kind not in _BOOLEANS:
        raise ValueError(f"a page's header has a field of type {kind}")
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
    raise ValueError("a number of more than 64 bits in a page's header")


def _byte(file: IO[bytes]) -> int:
    byte = file.read(1)
    if not byte:
        raise EOFError("a page's header lies beyond its end")
    return byte[0]
