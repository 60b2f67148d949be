"""Threads: a training whose steps are little work runs on one thread.

Torch's threads wait for each other after every operation. On two idle cores, two of them shorten such a step by a
fifth; beside one busy program it takes twice as long as on one thread, and beside two up to ninety times as long
(`benchmarks/busy_neighbor.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

LITTLE_WORK = 1e9
"""FLOPs of a step. The tutorial's network needs 0.7e9 for 32 images of 16x16x1, 3.9e9 for 32 of CIFAR-10."""

_lock = threading.Lock()
_blocks, _setting = 0, 1
"""How many blocks of one thread are open, and how many threads torch was set to use before the first."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's linear algebra use one thread within the block: for many small products in one thread.

    Fitting a novelty score to 400 images takes 0.2 s of one core; with two threads beside other programs 2 s of both.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield


@contextmanager
def threads_for(flops: float) -> Iterator[None]:
    """Let torch use one thread within the block if a step is little work; else as many as it is set to.

    Trainings may overlap: each that ends restores the setting from before the first of them.

    Args:
        flops: the work of one step, in FLOPs.
    """
    global _blocks, _setting
    if flops >= LITTLE_WORK:
        yield
        return
    with _lock:
        if not _blocks:
            _setting = torch.get_num_threads()
        _blocks += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            torch.set_num_threads(_setting)
