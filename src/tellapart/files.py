"""Files: written whole or not at all.

Everything that tellapart saves is first written in a temporary folder beside its
place, flushed to the disk, and then renamed. A full disk or a killed process leaves
the old file or no file, never half of one. Libraries that make temporary files of
their own make them in that folder too, so that nothing of theirs is left.
"""

import os
import platform
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tellapart.errors import DataError, SaveError, TellapartError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file through a temporary folder beside it.

    Args:
        path: the file to create or replace. Missing parent folders are created.
        write: writes the content to the path it is given, which has the same name.

    Raises:
        SaveError: it could not be written. Nothing half-written is left, and an existing file stays.
        TellapartError: `write` raised it; likewise.
    """
    temporary: Path | None = None
    try:
        temporary = draft_folder(path)
        place = temporary / path.name
        write(place)
        _sync(place)
        place.chmod(0o666 & ~_umask())
        os.replace(place, path)
        sync_folder(path.parent)
    except TellapartError:
        raise
    except Exception as error:
        raise _not_written(path, error) from error
    finally:
        if temporary is not None:
            _remove(temporary)


def draft_folder(path: Path) -> Path:
    """Make a folder beside a path, in which it may be written; one that a killed process leaves is removed as litter.

    Raises:
        OSError: it cannot be made.
    """
    make_folder(path.parent)
    return Path(tempfile.mkdtemp("", f".{path.stem[:40]}-{_HOST}-{os.getpid()}-", path.parent))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that survives a power cut; one that exists is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    missing = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)


def _not_written(path: Path, error: Exception) -> SaveError:
    return SaveError(
        f"{path} could not be written ({_reason(error)}). Nothing half-written was left. "
        "Free some space, make the folder writable, or choose another place."
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


def move_together(moves: Sequence[tuple[Path, Path]]) -> None:
    """Flush files to the disk and rename them into one folder, in this order; who does so too at the time waits.

    So the files of two writers are not mixed, where the system can lock a folder.

    Raises:
        OSError: one could not be flushed or renamed.
    """
    for source, _ in moves:
        _sync(source)
    folder = moves[-1][1].parent
    with _locked_folder(folder):
        for source, target in moves:
            os.replace(source, target)
    sync_folder(folder)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which needs no file; Windows and some network drives have none."""
    if os.name != "posix":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""This machine, in the names of temporary folders."""

_TEMPORARY = re.compile(r"(?s)\..+-([0-9a-f]{8})-(\d+)-[a-z0-9_]{8}")


def is_temporary(place: Path) -> bool:
    """Return whether a path is that of a folder in which a file was being written."""
    return _TEMPORARY.fullmatch(place.name) is not None


def remove_litter(folder: Path, *, own: bool = True) -> None:
    """Remove temporary folders that killed processes of this machine left in a folder.

    Args:
        folder: any.
        own: also all with this process's number, which has none there yet; else only those from before it began. They
            are of a process that died, in a container that numbers its processes alike each time.
    """
    import psutil

    with suppress(OSError):
        for place in folder.iterdir():
            if (parts := _TEMPORARY.fullmatch(place.name)) is None or parts[1] != _HOST:
                continue
            process = int(parts[2])
            is_older = own or place.stat().st_mtime < psutil.Process().create_time()
            if is_older if process == os.getpid() else not psutil.pid_exists(process):
                _remove(place)


def _remove(temporary: Path) -> None:
    """Remove a temporary folder, as far as the system lets us: there is nothing to be done about the rest."""
    with suppress(OSError):
        temporary.rmdir()  # empty, once its file has been renamed
        return
    shutil.rmtree(temporary, ignore_errors=True)


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


def system_reason(error: BaseException) -> str | None:
    """Return the system's own words for an error, which HDF5 and safetensors wrap into longer lines; None: no such."""
    if (number := re.search(r"errno ?= ?(\d+)|os error (\d+)", str(error))) is not None:
        return os.strerror(int(number.group(1) or number.group(2)))
    return getattr(error, "strerror", None)


def _reason(error: Exception) -> str:
    return system_reason(error) or str(error) or type(error).__name__


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
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"{error.filename or place} does not exist. Check the spelling, and the folder in which you are."
        ) from error
    except OSError as error:
        raise DataError(
            f"{error.filename or place}: cannot be read ({error.strerror or error}). Give yourself the "
            "right to read it and to enter the folders above it, or give another path."
        ) from error
