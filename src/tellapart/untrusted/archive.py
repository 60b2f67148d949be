"""Zip archives from strangers: every entry is sized and named before anything of them is unpacked."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellapart.errors import ModelError
from tellapart.untrusted.regular_file import open_regular

MOST_ENTRIES = 10_000
LARGEST_DIRECTORY = 2_000_000
"""Bytes of an archive's list of entries."""

LARGEST_TEXT = 8_000_000
"""Bytes of an entry of text, unpacked. The largest network of `keras.applications` has 2 million; JSON takes up to
thirty times its bytes in memory."""

LARGEST_GROWTH, ALWAYS_ALLOWED = 10, 64_000_000
"""How many times its bytes on the disk a file may hold in all, and the bytes that are allowed whatever its size.
Trained weights shrink by a tenth."""


_DAMAGED = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What `zipfile` raises at damaged archives."""


class _Beginning:
    """A file that reads no more than LARGEST_DIRECTORY bytes at once until `opened`: `zipfile` reads the whole list of
    entries, before it can be asked how many there are."""

    def __init__(self, file: Any) -> None:
        self.file, self.opened = file, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def read(self, size: int = -1) -> bytes:
        if self.opened:
            return self.file.read(size)
        content = self.file.read(LARGEST_DIRECTORY + 1 if size < 0 else min(size, LARGEST_DIRECTORY + 1))
        if len(content) > LARGEST_DIRECTORY:
            raise ValueError(f"its list of entries has more than {LARGEST_DIRECTORY:,} bytes")
        return content


@contextmanager
def archive_of(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive within the block.

    Raises:
        ModelError: it is no regular file, no zip archive, damaged, or made to harm whoever unpacks it.
    """
    try:
        file = open_regular(path)
    except OSError as reason:
        raise _damaged(path, reason) from reason
    with file:
        beginning: Any = _Beginning(file)
        try:
            archive = zipfile.ZipFile(beginning)
        except _DAMAGED as reason:
            raise _damaged(path, reason) from reason
        beginning.opened = True
        with archive:
            _refuse_odd_entries(archive, path)
            yield archive


def _refuse_odd_entries(archive: zipfile.ZipFile, path: Path) -> None:
    """Look at all entries: Keras unpacks those that we do not know to a temporary folder."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise refused(path, f"it has more than {MOST_ENTRIES:,} entries")
    if len(archive.NameToInfo) < len(entries):
        raise refused(path, "it has several entries of the same name")
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or stat.S_ISLNK(entry.external_attr >> 16):
            raise refused(path, f"its entry {entry.filename[:200]!r} leads out of the archive")
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes(path):
        raise refused(path, f"it would unpack to {total:,} bytes")


def most_bytes(path: Path) -> int:
    """Return how many bytes a file may claim to hold: a multiple of those that it takes up on the disk."""
    state = path.stat()
    on_disk = 512 * getattr(
        state, "st_blocks", state.st_size
    )  # a file with holes takes up less than its size
    return max(ALWAYS_ALLOWED, LARGEST_GROWTH * min(state.st_size, on_disk))


def read_entry(archive: zipfile.ZipFile, name: str, where: Path, *, is_text: bool) -> bytes | None:
    """Return an entry unpacked; None where there is none of that name.

    Args:
        archive: from `archive_of`.
        name: of the entry.
        where: the archive lies, for the message.
        is_text: whether it is text; otherwise it is numbers.

    Raises:
        ModelError: it is damaged, encrypted, packed in an unusual way, or would unpack to more
            than such an entry ever has.
    """
    try:
        entry = archive.getinfo(name)
    except KeyError:
        return None
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused(where, f"its entry {name} is encrypted, or packed in an unusual way")
    if is_text and entry.file_size > LARGEST_TEXT:
        raise refused(where, f"its entry {name} would unpack to {entry.file_size:,} bytes")
    try:
        return archive.read(entry)
    except _DAMAGED as reason:
        raise _damaged(where, reason) from reason


def _damaged(path: Path, reason: Exception) -> ModelError:
    return ModelError(
        f"{path} cannot be read as a Keras model (the file is damaged: {reason}). "
        "Accepted: a .keras or .h5 file saved by Keras 3 or by tellapart."
    )


def refused(where: object, why: str) -> ModelError:
    """Return the error for a file that only somebody with bad intent, or a broken program, could have made."""
    return ModelError(
        f"{where} is refused: {why}. tellapart and Keras write no such files; ask whoever made it for one saved by "
        "Keras 3."
    )
