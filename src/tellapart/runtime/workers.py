"""Workers: threads that each compute on one core.

A step of a small network is many short operations. If each is divided among the cores, the cores wait for
each other more than they compute; so each core runs all operations on its own part of the batch.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")

_lock = threading.Lock()
_blocks = 0
"""How many blocks of `only_workers_share` are open: the setting is the whole process's."""
_kept: "Workers | None" = None
"""The workers from before the first of them."""


class Workers:
    """A pool of threads in which torch computes on one core each."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "tellapart", initializer=_compute_alone)

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
        """Return the function's results in the order of the tasks; raise the error of the first that fails."""
        return list(self.each(function, tasks))

    def each(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the function's results in the order of the tasks, each as soon as those before it are done."""
        return self._threads.map(function, tasks)


def workers() -> Workers:
    """Return the process's workers, one for each thread that torch is set to use."""
    return _kept or _workers(torch.get_num_threads())


@contextmanager
def only_workers_share() -> Iterator[None]:
    """Within the block, divide work among workers alone: an operation outside them runs on one core.

    Beside other programs, two threads that share an operation wait for each other longer than they compute.
    """
    global _kept, _blocks
    with _lock:
        _kept = workers()
        _blocks += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if not _blocks:
                torch.set_num_threads(_kept.count)
                _kept = None


@lru_cache(maxsize=1)
def _workers(count: int) -> Workers:
    pool = Workers(count)
    pool.map(lambda _: None, [None])  # starts the first thread, which reads torch's setting
    torch.set_num_threads(count)  # a worker's own setting also changed the default of later threads
    return pool


def _compute_alone(*_: Any) -> None:
    torch.get_num_threads()  # torch first sets each new thread to the process's number
    torch.set_num_threads(1)
