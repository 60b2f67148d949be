"""Regular files alone, of a size that is known: a pipe would be waited for, and a device may have no end."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import IO

LARGEST_GROWTH, ALWAYS_ALLOWED = 100, 256_000_000
"""How many times their packed size data may have, and the bytes that are allowed whatever it is."""

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading; links are followed.

    Raises:
        OSError: it cannot be opened, or is no regular file; `strerror` says which.
    """
    try:
        _refuse_odd(
            os.stat(path).st_mode, path
        )  # before it is opened: opening alone may wait, or move a tape
    except ValueError as reason:
        raise FileNotFoundError(errno.ENOENT, "No file has a name with a zero byte", str(path)) from reason
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        _refuse_odd(os.fstat(descriptor).st_mode, path)  # somebody may have put another in its place
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def refuse_odd(path: str | os.PathLike[str]) -> None:
    """Raise if something else than a regular file lies at a path; nothing may lie there.

    Raises:
        OSError: `strerror` says what it is.
    """
    with suppress(FileNotFoundError):
        _refuse_odd(os.stat(path).st_mode, path)


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return a file's content.

    Args:
        path: links are followed.
        most_bytes: that it may have; a larger one is not read at all.

    Raises:
        OSError: as `open_regular`; or it is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise OSError(errno.EFBIG, f"{size:,} bytes; at most {most_bytes:,} are read", str(path))
        return file.read(size)


def most_unpacked(packed_bytes: int) -> int:
    """Return how many bytes data of a packed size may unpack to: what holds pictures never shrinks further."""
    return max(ALWAYS_ALLOWED, LARGEST_GROWTH * packed_bytes)


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Return whether a regular file lies at a path; links are followed."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _refuse_odd(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
