"""Threads: one alone where a step is so little work that several wait for each other longer than they save.

Torch's threads meet after every operation. With two of them a step of little work takes a fifth less time on two idle
cores; beside one busy program it takes twice as long as with one thread, and beside two up to ninety times as long
(`benchmarks/busy_neighbor.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

LITTLE_WORK = 1e9
"""FLOPs of a step. The tutorial's network on 32 pictures of 16 x 16 x 1 asks for 0.7e9, on CIFAR-10's for 3.9e9."""

_lock = threading.Lock()
_inside, _set_to = 0, 1


@contextmanager
def threads_for(flops: float) -> Iterator[None]:
    """Let torch use one thread within the block if a step asks for little work; else as many as it is set to.

    Trainings may overlap: whichever ends leaves what torch was set to before the first of them.
    """
    global _inside, _set_to
    if flops >= LITTLE_WORK:
        yield
        return
    with _lock:
        if not _inside:
            _set_to = torch.get_num_threads()
        _inside += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(_set_to)
