"""Files: written whole or not at all.

Everything that tellapart saves is first written beside its place, flushed to the
disk, and then renamed. A full disk or a killed process leaves the old file or no
file, never half of one.
"""

import os
import platform
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tellapart.errors import DataError, SaveError, TellapartError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file through a temporary file beside it.

    Args:
        path: the file to create or replace. Missing parent folders are created.
        write: writes the content to the path it is given, which has the same suffix.

    Raises:
        SaveError: it could not be written. Nothing half-written is left, and an existing file stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            suffix=path.suffix, prefix=f".{path.stem[:40]}-{_HOST}-{os.getpid()}-", dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except Exception as error:
        raise _not_written(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # what was raised says more
                temporary.unlink(missing_ok=True)


def _not_written(path: Path, error: Exception) -> SaveError:
    return SaveError(
        f"{path} could not be written ({_reason(error)}). Nothing half-written was left. "
        "Free some space, or choose another place."
    )


def move_files(moves: Sequence[tuple[Path, Path]]) -> None:
    """Rename files within a folder, in this order; one that is not there is passed over.

    Raises:
        SaveError: one could not be renamed.
    """
    try:
        for source, target in moves:
            with suppress(FileNotFoundError):
                os.replace(source, target)
            sync_folder(target.parent)
    except OSError as error:
        raise _not_written(moves[-1][1], error) from error


_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""This machine, in the names of temporary files."""

_TEMPORARY = re.compile(r"(?s)\..+-([0-9a-f]{8})-(\d+)-[a-z0-9_]{8}(\.[A-Za-z0-9]+)?")


def is_temporary(place: Path) -> bool:
    """Return whether a path is that of a file that was being written."""
    return _TEMPORARY.fullmatch(place.name) is not None


def remove_litter(folder: Path) -> None:
    """Remove temporary files that killed processes of this machine left in a folder."""
    import psutil

    with suppress(OSError):
        for place in folder.iterdir():
            parts = _TEMPORARY.fullmatch(place.name)
            if parts and parts[1] == _HOST and not psutil.pid_exists(int(parts[2])):
                with suppress(OSError):
                    place.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    write_whole(path, lambda place: _write_text(place, text))


def _write_text(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8", errors="surrogateescape")


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut, where the system can.

    Windows cannot, nor can some network drives. The file is in its place by then, so that is no failure.
    """
    if os.name == "posix":
        with suppress(OSError):
            _sync(folder)


def _sync(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    # Windows flushes only what is open for writing, POSIX opens a folder only for reading.
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    """Return the system's own words for an error, which HDF5 and safetensors wrap into longer lines."""
    number = re.search(r"errno ?= ?(\d+)|os error (\d+)", str(error))
    if getattr(error, "strerror", None) is None and number is not None:
        return os.strerror(int(number.group(1) or number.group(2)))
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def unreadable_is_bad_data(place: object) -> Iterator[None]:
    """Turn an OSError raised in this block into a DataError; tellapart's own errors pass.

    Args:
        place: what to name where the system names no path.
    """
    try:
        yield
    except TellapartError:
        raise
    except OSError as error:
        raise DataError(
            f"{error.filename or place}: cannot be read ({error.strerror or error}). Give yourself the "
            "right to read it and to enter the folders above it, or give another path."
        ) from error
