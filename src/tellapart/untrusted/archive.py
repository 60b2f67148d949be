"""Zip archives from strangers: every entry is sized before it is unpacked."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tellapart.errors import ModelError

MOST_ENTRIES = 10_000
LARGEST_TEXT = 32_000_000
"""Bytes of an entry of text, unpacked."""

LARGEST_GROWTH, ALWAYS_ALLOWED = 20, 32_000_000
"""How many times its packed size an entry may have, and the bytes that are allowed whatever it is. Weights hardly
shrink."""


_DAMAGED = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What `zipfile` raises at damaged archives."""


@contextmanager
def archive_of(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive within the block.

    Raises:
        ModelError: it is no regular file, no zip archive, damaged, or has too many entries.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path} is no regular file. Give a .keras file.")
        archive = zipfile.ZipFile(path)
    except _DAMAGED as reason:
        raise _damaged(path, reason) from reason
    with archive:
        if len(archive.infolist()) > MOST_ENTRIES:
            raise refused(path, f"it has more than {MOST_ENTRIES:,} entries")
        yield archive


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
    most = LARGEST_TEXT if is_text else max(ALWAYS_ALLOWED, LARGEST_GROWTH * entry.compress_size)
    if entry.file_size > most:
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
