"""Resident memory of mapped files: pages that were read are given back before they fill the budget.

A mapped page counts as the process's memory until the system needs it, which it may never do. The pages stay in the
system's own cache, so that reading them again costs a page fault and no disk.
"""

from __future__ import annotations

import mmap
import threading
import weakref

import psutil

MOST_RESIDENT = 256 << 20
"""Bytes of mapped pages that may be resident."""

_LOOK_SECONDS = 0.05
"""In which a processor reads some hundred megabytes."""

_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_lock = threading.Lock()
_watcher: threading.Thread | None = None


def keep_small(mapped: mmap.mmap) -> None:
    """Give back a mapping's pages whenever more than MOST_RESIDENT have become resident, as long as it exists."""
    global _watcher
    if not hasattr(mapped, "madvise"):  # Windows takes such pages back by itself
        return
    with _lock:
        _maps.add(mapped)
        if _watcher is None:
            before = _resident(psutil.Process())
            _watcher = threading.Thread(
                target=_watch, args=(before,), name="tellapart mapped pages", daemon=True
            )
            _watcher.start()


def give_back() -> None:
    """Give back the pages of all mappings that exist."""
    for mapped in list(_maps):
        mapped.madvise(mmap.MADV_DONTNEED)


def _watch(after: int) -> None:
    """Give pages back whenever there are many more than `after` the last time, or at first."""
    global _watcher
    process = psutil.Process()
    pause = threading.Event()
    while not pause.wait(_LOOK_SECONDS):
        with _lock:
            if not _maps:
                _watcher = None
                return
        if _resident(process) > after + MOST_RESIDENT:
            give_back()
            after = _resident(process)
        else:
            after = min(after, _resident(process))


def _resident(process: psutil.Process) -> int:
    """Return the resident bytes that belong to files, where the system says so; else all."""
    memory = process.memory_info()
    return int(getattr(memory, "shared", memory.rss))
