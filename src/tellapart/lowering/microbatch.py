"""Micro-batch: the state that a part of a batch has for itself while several parts are trained on at once.

A thread enters its micro-batch before it runs the net. Random layers then draw from the micro-batch's
generator, and layers with moving averages leave their updates in it, so that the caller can apply them in an
order that does not depend on the threads.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from tellapart.lowering.torch_masks import WholeBatchMasks


@dataclass(slots=True)
class MicroBatch:
    """One part of a batch."""

    share: float
    """The part's share of the batch's images, 0 to 1."""

    generator: torch.Generator
    """The source of the part's random numbers."""

    masks: WholeBatchMasks | None = None
    """Keras's dropout masks, of which the part takes its rows; None where nothing has to be as Keras draws it."""

    first: int = 0
    """Index in the batch of the part's first image."""

    masks_taken: int = 0

    afterward: list[Callable[[], None]] = field(default_factory=list)
    """Updates to apply once all parts are done, such as moving an average."""


_entered = threading.local()


def current_micro_batch() -> MicroBatch | None:
    """Return the micro-batch that this thread has entered; None: the batch is whole."""
    return getattr(_entered, "micro_batch", None)


@contextmanager
def enter_micro_batch(micro_batch: MicroBatch) -> Iterator[None]:
    """Make `micro_batch` this thread's current one within the block."""
    _entered.micro_batch = micro_batch
    try:
        yield
    finally:
        _entered.micro_batch = None
