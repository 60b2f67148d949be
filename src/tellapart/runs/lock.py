"""The lock of a run folder: one training at a time writes into it; whoever reads needs none.

The system releases it when the process ends, however it ends. On a disk without locks, such as some network drives, a
marker file with process and machine stands for it, which a later process of the same machine removes when the first
one is dead; a marker of another machine stays, and the message names the file to delete.
"""

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError, SaveError
from tellapart.untrusted.regular_file import open_regular, read_regular, refuse_odd

LOCK, MARKER, HOLDER = ".lock", ".lock-marker", ".lock-holder.json"

_WITHOUT_LOCKS = (ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP, EINVAL)


def is_of_lock(place: Path) -> bool:
    """Return whether a file is one that a lock leaves in its folder."""
    return place.name.startswith(LOCK)


def refuse_held(folder: Path) -> None:
    """Raise if another training holds the lock of an existing folder.

    Raises:
        ConfigError: it does.
    """
    with suppress(SaveError):
        _acquired(folder).release()


def holder_of(folder: Path) -> dict[str, Any] | None:
    """Return which training holds the folder, without touching its lock; None where none does.

    Returns:
        "process", "machine" and "since", as its file says. Whether a process of another machine lives, only the lock
        tells: a folder that was copied while a training held it is held by nobody.
    """
    holder = _recorded_holder(folder)
    if holder is None or _is_dead(holder):
        return None
    return holder if holder["machine"] == platform.node() or _is_locked(folder) else None


def _is_locked(folder: Path) -> bool:
    """Return whether the lock is held, as far as this machine can tell; where it cannot, True."""
    if (folder / MARKER).exists():
        return True
    try:
        import fcntl

        with open_regular(folder / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (ImportError, OSError):
        return True
    return False


def _recorded_holder(folder: Path) -> dict[str, Any] | None:
    """Return what the holder wrote beside the lock; a killed one leaves it."""
    try:
        holder = json.loads(read_regular(folder / HOLDER, 10_000))
        return {name: holder[name] for name in ("process", "machine", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


SECONDS_OF_CLOCK_CHANGE = 3700
"""By which a local time may be off."""


def _is_dead(holder: Mapping[str, Any]) -> bool:
    """Return whether the process is gone; one that began after the lock was taken has only inherited its number."""
    if holder["machine"] != platform.node():
        return False
    import psutil

    try:
        began = psutil.Process(int(holder["process"])).create_time()
        since = time.mktime(time.strptime(holder["since"], "%Y-%m-%d %H:%M:%S"))
    except (psutil.Error, ValueError, TypeError, OverflowError):
        return True
    return began > since + SECONDS_OF_CLOCK_CHANGE


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of an existing folder within the block.

    Raises:
        ConfigError: another training holds it.
        SaveError: no file can be written there.
    """
    lock = _acquired(folder)
    holder = {"process": os.getpid(), "machine": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    try:
        with suppress(OSError):
            refuse_odd(folder / HOLDER)
            (folder / HOLDER).write_text(json.dumps(holder), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _acquired(folder: Path) -> Any:
    from filelock import FileLock, SoftFileLock, Timeout

    try:
        try:
            return _acquire(FileLock(folder / LOCK, timeout=0, fallback_to_soft=False))
        except OSError as reason:
            if isinstance(reason, Timeout) or reason.errno not in _WITHOUT_LOCKS:
                raise
            return _acquire(SoftFileLock(folder / MARKER, timeout=0))
    except Timeout as reason:
        raise ConfigError(_held(folder)) from reason
    except OSError as reason:
        raise SaveError(
            f"{folder} cannot be locked ({reason.strerror or reason}). Free some disk space or make the folder "
            "writable, and run the command again."
        ) from reason


def _acquire(lock: Any) -> Any:
    lock.acquire()
    return lock


def _held(folder: Path) -> str:
    """Return who holds the lock, and what to do."""
    who, holder = "another process", _recorded_holder(folder)
    if holder is not None:
        who = f"process {holder['process']} on {holder['machine']}, since {holder['since']}"
    marker = folder / MARKER
    freed = f" If that process is gone, delete {marker}." if marker.exists() else ""
    return (
        f"{folder} is in use: {who}, is training there. Wait for its end, or choose another folder with "
        f"--out.{freed}"
    )
