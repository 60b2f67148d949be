"""Allocator: while a training runs, freed memory stays with the process.

glibc maps each large tensor anew from the system and unmaps it when it is freed, so that every step
faults its pages in again: at batch 512 that cost as much as the arithmetic (`benchmarks/NOTES.md`).
The setting holds for the block of a training, never by importing; other C libraries are left alone.
"""

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8  # malloc.h
_MEBIBYTE = 1 << 20

_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 * _MEBIBYTE, _ARENA_MAX: 1}
"""Nothing mapped on its own, nothing given back, one heap for all threads (others cannot hold large tensors)."""

_AS_BEFORE = {
    _MMAP_MAX: 65536,
    _MMAP_THRESHOLD: 32 * _MEBIBYTE,
    _TRIM_THRESHOLD: 64 * _MEBIBYTE,
    _TOP_PAD: 128 * 1024,
    _ARENA_MAX: 0,
}
"""glibc's own values; its two moving thresholds as far up as they move by themselves."""

_lock = threading.Lock()
_inside = 0


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep freed memory within the block, and give it back after the outermost one."""
    global _inside  # how many trainings run: the setting is the process's
    with _lock:
        _inside += 1
        _set(_KEEPING)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _set(_AS_BEFORE)


def _set(values: dict[int, int]) -> None:
    library = _glibc()
    if library is None:
        return
    for option, value in values.items():
        library.mallopt(option, value)
    if values is _AS_BEFORE:
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
