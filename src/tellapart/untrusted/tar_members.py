"""Tar members: where each file lies in an uncompressed tar file, or in a part of one that begins with a header.

Shards are read by parts, over networks, a million small members at a time: this walk touches headers alone, holds no
list, and is several times faster than `tarfile`. Links, devices and sparse files are refused, nothing is unpacked.

Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tellapart.untrusted.picture_archive import LARGEST_MEMBER

BLOCK = 512
"""Bytes of a header; members begin at multiples of it."""

_LARGEST_EXTRA = 1_000_000
"""Bytes of a long name or another extra header."""

_FILE, _FOLDER, _LONG_NAME, _PAX, _PAX_OF_ALL = (b"0", b"\0", b"7"), b"5", b"L", b"x", b"g"

Read = Callable[[int, int], bytes]
"""(start, stop) -> the bytes between, fewer at the end."""


class TarEntry(NamedTuple):
    """A file within a tar file."""

    name: str
    """With slashes; relative."""

    start: int
    """Where its headers begin."""

    data: int
    """Where its bytes begin."""

    size: int

    @property
    def stop(self) -> int:
        """Where the next member begins."""
        return self.data + _padded(self.size)


def entries(read: Read, stop: int, *, whole: bool = False) -> Iterator[TarEntry]:
    """Yield the files of a tar file, or of a part of it.

    Args:
        read: gives bytes of it.
        stop: how many bytes it has.
        whole: whether it must have a tar file's end, two blocks of zeros.

    Raises:
        ValueError: it is damaged, cut off, or holds what is refused.
    """
    place, start = 0, 0
    extra: dict[str, str] = {}
    while place < stop:
        block = read(place, place + BLOCK)
        if len(block) < BLOCK:
            raise ValueError("it ends within a header")
        if not any(block):
            return
        kind, size, data = block[156:157], _size_of(block, extra), place + BLOCK
        place = data + _padded(size)
        if data + size > stop:
            raise ValueError(f"{_name_of(block, extra)[:200]} is cut off")
        if kind in (_LONG_NAME, _PAX, _PAX_OF_ALL):
            if size > _LARGEST_EXTRA:
                raise ValueError(f"a header of {size:,} bytes")
            extra |= {} if kind == _PAX_OF_ALL else _extra(kind, read(data, data + size))
            continue
        if kind in _FILE:
            if size > LARGEST_MEMBER:
                raise ValueError(f"a member of {size:,} bytes; at most {LARGEST_MEMBER:,} are read")
            yield TarEntry(_checked(_name_of(block, extra)), start, data, size)
        elif kind != _FOLDER:
            raise ValueError(f"{_name_of(block, extra)[:200]} is a link, a device or a sparse file")
        extra, start = {}, place
    if whole:
        raise ValueError("it lacks the end of a tar file")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _size_of(block: bytes, extra: dict[str, str]) -> int:
    """Return a member's size; the block's checksum must be right."""
    stated = _number(block[148:156])
    if stated != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise ValueError("no header stands where one should")
    size = int(extra["size"]) if "size" in extra else _number(block[124:136])
    if size < 0:
        raise ValueError("a member of negative size")
    return size


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's form of large numbers
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    return int(field.rstrip(b"\0 ").strip() or b"0", 8)


def _name_of(block: bytes, extra: dict[str, str]) -> str:
    if "path" in extra:
        return extra["path"]
    name, prefix = _text(block[:100]), ""
    if block[257:263] == b"ustar\0":  # where GNU's own form has times
        prefix = _text(block[345:500])
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _extra(kind: bytes, content: bytes) -> dict[str, str]:
    """Return the name, and perhaps the size, that an extra header gives the next member."""
    if kind == _LONG_NAME:
        return {"path": _text(content)}
    found: dict[str, str] = {}
    while content:
        length, _, _ = content.partition(b" ")
        record, content = content[: int(length)], content[int(length) :]
        keyword, _, value = record[len(length) + 1 : -1].partition(b"=")
        if keyword.startswith(b"GNU.sparse"):
            raise ValueError("a sparse file")
        if keyword in (b"path", b"size"):
            found[keyword.decode()] = value.decode("utf-8", "surrogateescape")
        if int(length) < 1:
            raise ValueError("a damaged header")
    return found


def _checked(name: str) -> str:
    """Return a member's name without `./` before it; ValueError: it leads out of the archive."""
    parts = [part for part in name.replace("\\", "/").split("/") if part != "."]
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        raise ValueError(f"its member {name[:200]!r} leads out of the archive")
    return "/".join(parts)
