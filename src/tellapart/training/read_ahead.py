"""Reading ahead: the images of the next steps, read or decoded by a thread while this step computes.

Which these are is known, since a batch is a function of (seed, epoch, step); a step that was not foreseen, such as the
first one of a resumed run, is read at once.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

STEPS_AHEAD, BYTES_AHEAD = 3, 128 << 20
"""Read and waiting, at most; always at least one step."""

Batch = TypeVar("Batch")


class ReadAhead(Generic[Batch]):
    """What each step of a training needs, in the order in which it asks."""

    def __init__(self, read: Callable[[int, int], Batch], steps_per_epoch: int, batch_bytes: int) -> None:
        """Create it; nothing is read yet.

        Args:
            read: (epoch, step) -> the step's images; called by one thread, for one step after the other.
            steps_per_epoch: after which the next epoch begins.
            batch_bytes: of the images of a step.
        """
        self._read, self._steps_per_epoch = read, steps_per_epoch
        self._thread = ThreadPoolExecutor(1, "tellapart read ahead")
        self._reading: dict[tuple[int, int], Future[Batch]] = {}
        self._ahead = max(1, min(STEPS_AHEAD, BYTES_AHEAD // batch_bytes))
        self.waited_seconds = 0.0
        """How long the training waited, all steps together."""

    def images(self, epoch: int, step: int) -> Batch:
        """Return the images of a step, and begin to read those that come next."""
        wanted = [(epoch, step)]
        while len(wanted) <= self._ahead:
            wanted.append(self._after(*wanted[-1]))
        for place in set(self._reading) - set(wanted):
            self._reading.pop(place).cancel()
        for place in wanted:
            if place not in self._reading:
                self._reading[place] = self._thread.submit(self._read, *place)
        began = time.perf_counter()
        images = self._reading.pop((epoch, step)).result()
        self.waited_seconds += time.perf_counter() - began
        return images

    def _after(self, epoch: int, step: int) -> tuple[int, int]:
        return (epoch, step + 1) if step + 1 < self._steps_per_epoch else (epoch + 1, 0)
