"""Workers: threads that each compute on one core.

A step of a small network is many short operations. Spread over the cores one by one, they wait for
each other more than they compute; so each core gets a part of the batch and runs all operations on it.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers:
    """As many threads as torch is set to use, each with one thread of torch's own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "tellapart", initializer=_compute_alone)

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
        """The function of each task, in order; raises what the first failing one raised."""
        return list(self.each(function, tasks))

    def each(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """The same, each result as soon as it and those before it are there."""
        return self._threads.map(function, tasks)


def workers() -> Workers:
    """The process's workers, one for each thread that torch is set to use."""
    return _workers(torch.get_num_threads())


@lru_cache(maxsize=1)
def _workers(count: int) -> Workers:
    made = Workers(count)
    made._threads.submit(lambda: None).result()  # a first thread is there: torch's setting was read
    torch.set_num_threads(count)  # setting it in a worker also set the default of threads to come
    return made


def _compute_alone(*_: Any) -> None:
    torch.get_num_threads()  # torch first sets each new thread to the process's number
    torch.set_num_threads(1)
