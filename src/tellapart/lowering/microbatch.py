"""Micro-batch: the state that a part of a batch has for itself while several parts are trained on at once.

A thread enters its micro-batch before it runs the net. Random layers then draw from the micro-batch's
generator, and layers with moving averages leave their updates in it, so that the caller can apply them in an
order that does not depend on the threads. A part may be shared by several processes, each with some of its images:
they draw the numbers of all of them and keep their own, and batch statistics are those of all.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tellapart.lowering.torch_masks import WholeBatchMasks


class Sharers(Protocol):
    """The processes that share a part, seen from one of them."""

    def gathered(self, values: Tensor) -> Tensor:
        """Return everybody's (k,) values, (processes, k); all of them call it, in the same order."""

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's values; all of them call it, in the same order."""


class MovingUpdate(NamedTuple):
    """An update of a layer's moving statistics by those of one part."""

    apply: Callable[[Tensor, Tensor, float], None]
    """(mean, variance, weight)."""

    mean: Tensor
    variance: Tensor
    weight: float
    """How far the part moves the averages, 0 to 1."""


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
    """Index of the first image, in the batch that `masks` are for, or among the images that numbers are drawn for."""

    images: int | None = None
    """For how many images numbers are drawn, of which those of this process are taken; None: for its own alone."""

    sharers: Sharers | None = None
    """The processes whose images have batch statistics together; None: this one's alone."""

    masks_taken: int = 0

    afterward: list[MovingUpdate] = field(default_factory=list)
    """To apply once all parts are done."""


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
