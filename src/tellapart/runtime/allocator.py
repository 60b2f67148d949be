"""Allocator: keeps freed memory in the process while a training or a prediction runs.

glibc maps each large tensor from the system and unmaps it when it is freed, so that every step faults
its pages in again: at batch 512 that cost as much as the computation (`benchmarks/NOTES.md`). The
setting lasts for a block and is never a side effect of an import; other C libraries are left alone.
"""

import ctypes
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8  # malloc.h
_MEBIBYTE = 1 << 20

_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 * _MEBIBYTE, _ARENA_MAX: 1}
"""Map nothing separately, return nothing, and use one heap for all threads (other heaps cannot hold large tensors)."""

_DEFAULTS = {
    _MMAP_MAX: 65536,
    _MMAP_THRESHOLD: 32 * _MEBIBYTE,
    _TRIM_THRESHOLD: 64 * _MEBIBYTE,
    _TOP_PAD: 128 * 1024,
    _ARENA_MAX: 0,
}
"""glibc's default values; its two dynamic thresholds at the most that they adapt to."""

SHORT_SECONDS = 1.0
"""After less than this, freed memory stays for the next block: for single photos, returning it and faulting it in
again took as long as the answer."""

_lock = threading.Lock()
_blocks, _began = 0, 0.0
"""How many blocks are open, and when the first of them began: the setting is the whole process's."""


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep freed memory within the block, and return it to the system after the last of overlapping ones.

    What stays after less than a second is bounded by glibc's default thresholds.
    """
    global _blocks, _began
    with _lock:
        if not _blocks:
            _began = time.monotonic()
        _blocks += 1
        _set(_KEEPING)
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if not _blocks:
                _set(_DEFAULTS)
                if time.monotonic() - _began >= SHORT_SECONDS:
                    _return_freed_memory()


def _set(values: dict[int, int]) -> None:
    library = _glibc()
    if library is not None:
        for option, value in values.items():
            library.mallopt(option, value)


def _return_freed_memory() -> None:
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
