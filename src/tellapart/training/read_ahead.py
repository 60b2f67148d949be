"""Reading ahead: the images of the next steps, read or decoded by a thread while this step computes.

Which these are is known, since a batch is a function of (seed, epoch, step); a step that was not foreseen, such as the
first one of a resumed run, is read at once.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.data.types import Pixels

STEPS_AHEAD, BYTES_AHEAD = 3, 128 << 20
"""Read and waiting, at most; always at least one step."""


class ReadAhead:
    """The images of each step of a training, in the order in which it asks."""

    def __init__(
        self, store: ImageStore, batches: BatchSampler, rows: Callable[[int, int], NDArray[np.int64]]
    ) -> None:
        """Create it; nothing is read yet.

        Args:
            store: of images that are not in memory.
            batches: which images go into which step.
            rows: (epoch, step) -> those of them that are wanted here.
        """
        self._store, self._batches, self._rows = store, batches, rows
        self._thread = ThreadPoolExecutor(1, "tellapart read ahead")
        self._reading: dict[tuple[int, int], Future[Pixels]] = {}
        batch_bytes = batches.batch_size * math.prod(store.images.shape[1:])
        self._ahead = max(1, min(STEPS_AHEAD, BYTES_AHEAD // batch_bytes))
        self.waited_seconds = 0.0
        """How long the training waited, all steps together."""

    def images(self, epoch: int, step: int) -> Pixels:
        """Return the images of a step, (B, H, W, C), and begin to read those that come next."""
        wanted = [(epoch, step)]
        while len(wanted) <= self._ahead:
            wanted.append(self._after(*wanted[-1]))
        for place in set(self._reading) - set(wanted):
            self._reading.pop(place).cancel()
        for place in wanted:
            if place not in self._reading:
                self._reading[place] = self._thread.submit(self._read, place)
        began = time.perf_counter()
        images = self._reading.pop((epoch, step)).result()
        self.waited_seconds += time.perf_counter() - began
        return images

    def _after(self, epoch: int, step: int) -> tuple[int, int]:
        return (epoch, step + 1) if step + 1 < self._batches.steps_per_epoch else (epoch + 1, 0)

    def _read(self, place: tuple[int, int]) -> Pixels:
        return self._store.rows(self._rows(*place))
