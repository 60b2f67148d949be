"""Files: whole or not at all.

Everything that tellapart writes goes beside its place first, reaches the disk,
and is then renamed, so a full disk or a killed process leaves the old file or
none, never half of one.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tellapart.errors import DataError, SaveError, TellapartError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file through a temporary neighbor.

    Args:
        path: the file to make or replace. Its folder is made where it is missing.
        write: writes the content to the path it is given, which has the same suffix.

    Raises:
        SaveError: it could not be written. Nothing half-written is left, and a file that was there stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        _flush_to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
        _flush_to_disk(path.parent)
    except Exception as reason:
        raise SaveError(
            f"{path} could not be written ({_in_words(reason)}). Nothing half-written was left. "
            "Free some space, or choose another place."
        ) from reason
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file."""
    write_whole(path, lambda place: _write_text(place, text))


def _write_text(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8", errors="surrogateescape")


def _in_words(reason: Exception) -> str:
    """The system's own words: HDF5 and safetensors wrap them into lines of their own."""
    number = re.search(r"errno ?= ?(\d+)|os error (\d+)", str(reason))
    if getattr(reason, "strerror", None) is None and number is not None:
        return os.strerror(int(number.group(1) or number.group(2)))
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def unreadable_is_bad_data(place: object) -> Iterator[None]:
    """Turn the system's refusals into DataError; what tellapart itself raises passes.

    Args:
        place: to name where the system names no path.
    """
    try:
        yield
    except TellapartError:
        raise
    except OSError as reason:
        raise DataError(
            f"{reason.filename or place}: cannot be read ({reason.strerror or reason}). Give yourself the "
            "right to read it and to enter the folders above it, or give another path."
        ) from reason
