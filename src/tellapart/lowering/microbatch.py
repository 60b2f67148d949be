"""Slice: what a part of a batch has of its own while several parts are learned from at once.

A thread that learns from a part enters its Slice. Layers with chance draw from its
generator, and layers that keep averages leave what they would add here, so that
whoever runs the parts applies it in an order that no thread decides.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch


@dataclass(slots=True)
class MicroBatch:
    """One part of a batch."""

    share: float
    """Of the batch's pictures, 0 to 1."""

    generator: torch.Generator
    """Where its chance comes from."""

    afterward: list[Callable[[], None]] = field(default_factory=list)
    """What to do once all parts are done, such as moving an average."""


_entered = threading.local()


def current_micro_batch() -> MicroBatch | None:
    """The part that this thread is learning from, or None: the batch is whole."""
    return getattr(_entered, "slice", None)


@contextmanager
def enter_micro_batch(part: MicroBatch) -> Iterator[None]:
    """Let this thread learn from `part` within the block."""
    _entered.slice = part
    try:
        yield
    finally:
        _entered.slice = None
