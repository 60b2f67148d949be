"""The order of pictures in shards: a pure function of (seed, epoch), of which any step can be computed by itself.

Parts of shards are permuted; the pictures of some parts that follow each other, a window, are permuted among
themselves. So a step needs the windows that it lies in and nothing before them: a run resumed at any step reads those
again, and goes on as an unbroken run would have.

The permuted parts are cut into LANES stretches, whatever the number of processes, and each batch takes its share of
every lane in turn. So the batch of (seed, epoch, step) is the same for any number of processes, and a process, whose
block of it lies in few lanes, reads few parts that others read too.

Compared with a shuffle buffer (webdataset's `shuffle(n)`): there, what is in the buffer depends on everything before
it. Here a picture's place is uniform within its window, and windows hold parts of many shards.

Knows nothing of pixels, files or networks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.sampler import epoch_order, random_order, step_seed
from tellapart.errors import ConfigError

LANES = 8
"""Stretches of an epoch that are read side by side."""

WINDOW = 8_192
"""Pictures of all lanes' windows together: those among which the next batch is drawn."""


WHOLE = slice(None)
"""All of a batch."""


class StreamPlaces(NamedTuple):
    """Where the pictures of a batch lie."""

    pieces: NDArray[np.int64]
    """(b,) numbers of parts."""

    rows: NDArray[np.int64]
    """(b,) rows within them."""


@dataclass(frozen=True, slots=True, eq=False)
class _EpochPieces:
    """The parts of one epoch in their order, and where each begins."""

    order: NDArray[np.int64]
    """(pieces,)."""

    starts: NDArray[np.int64]
    """(pieces + 1,) positions, from 0 to the number of pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StreamOrder:
    """Which pictures of shards each step gets; what `BatchSampler` is to pictures that can be read in any order."""

    counts: NDArray[np.int64] = field(repr=False)
    """(pieces,) pictures of each part of the shards."""

    batch_size: int
    """Pictures per step, over all processes together."""

    seed: int
    """The run's seed, 0 to 2^64 - 1."""

    rows_per_epoch: int | None = None
    """Pictures visited in an epoch, rounded up to whole batches; None: all."""

    window: int = WINDOW

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError("A stream needs at least one picture; the shards hold none.")
        if self.batch_size < 1 or self.window < 1:
            raise ConfigError(
                f"batch_size and window are 1 or more; got {self.batch_size} and {self.window}."
            )
        if self.rows_per_epoch is not None and self.rows_per_epoch < 1:
            raise ConfigError(f"rows_per_epoch is 1 or more; got {self.rows_per_epoch}.")

    @property
    def n(self) -> int:
        """Pictures in all parts."""
        return int(self.counts.sum())

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch, a short last one included."""
        visited = self.n if self.rows_per_epoch is None else min(self.n, self.rows_per_epoch)
        return -(-visited // self.batch_size)

    def size(self, step: int) -> int:
        """Return the number of pictures of one step.

        Raises:
            IndexError: no such step in an epoch.
        """
        return sum(stop - start for _, start, stop in self._stretches(step))

    def places(self, epoch: int, step: int, block: slice = WHOLE) -> StreamPlaces:
        """Return where the pictures of one step lie.

        Args:
            epoch: whole passes finished, from 0.
            step: steps finished within the epoch, from 0.
            block: of the batch, that of a process.

        Raises:
            IndexError: no such step in an epoch.
        """
        found = [self._found(epoch, *stretch) for stretch in self._own(step, block)]
        none = np.empty(0, np.int64)
        return StreamPlaces(
            np.concatenate([none, *(part.pieces for part in found)]),
            np.concatenate([none, *(part.rows for part in found)]),
        )

    def rows(self, epoch: int, step: int) -> NDArray[np.int64]:
        """Return the numbers of the pictures of one step, counted through all parts; (b,)."""
        places = self.places(epoch, step)
        return _firsts(self)[places.pieces] + places.rows

    def wanted(self, epoch: int, step: int, ahead: int = 0, block: slice = WHOLE) -> list[int]:
        """Return the parts of all windows that are needed, in the order of use.

        Args:
            epoch: whole passes finished, from 0.
            step: steps finished within the epoch, from 0.
            ahead: steps after it that are prepared for too, as far as the epoch goes.
            block: of each batch, that of a process.
        """
        wanted: dict[int, None] = {}
        for lane, start, stop in self._own(step, block):
            later = min(stop + ahead * self._share(lane), self._lane(lane)[1])
            for window in self._windows(epoch, lane, start, later):
                wanted |= dict.fromkeys(self._pieces_in(epoch, *window))
        return list(wanted)

    def _stretches(self, step: int) -> list[tuple[int, int, int]]:
        """Return the lanes of a step, each with the positions that it takes of the epoch."""
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step is 0 to {self.steps_per_epoch - 1}; got {step}.")
        is_short = (step + 1) * self.batch_size > self.n
        stretches = []
        for lane in range(LANES):
            begin, end = self._lane(lane)
            start = begin + step * self._share(lane)
            stretches.append((lane, start, end if is_short else start + self._share(lane)))
        return stretches

    def _own(self, step: int, block: slice) -> list[tuple[int, int, int]]:
        """Return the lanes of a block of a step, each with the positions that it takes of the epoch."""
        stretches = self._stretches(step)
        first, last, _ = block.indices(sum(stop - start for _, start, stop in stretches))
        own, before = [], 0
        for lane, start, stop in stretches:
            low, high = max(first - before, 0), min(last - before, stop - start)
            if low < high:
                own.append((lane, start + low, start + high))
            before += stop - start
        return own

    def _share(self, lane: int) -> int:
        """Return how many pictures of a batch a lane gives."""
        return self._cut(lane + 1) - self._cut(lane)

    def _cut(self, lane: int) -> int:
        """Return where a lane's share of a batch begins."""
        return self.batch_size * lane // LANES

    def _lane(self, lane: int) -> tuple[int, int]:
        """Return the positions of a lane, in proportion to its share of a batch."""
        return (
            self.n * self._cut(lane) // self.batch_size,
            self.n * self._cut(lane + 1) // self.batch_size,
        )

    def _windows(self, epoch: int, lane: int, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the windows, as positions, that a stretch of a lane touches."""
        bounds = _window_bounds(self, epoch, lane)
        first = int(np.searchsorted(bounds, start, "right")) - 1
        last = int(np.searchsorted(bounds, stop, "left"))
        return list(zip(bounds[first:last].tolist(), bounds[first + 1 : last + 1].tolist(), strict=True))

    def _pieces_in(self, epoch: int, start: int, stop: int) -> list[int]:
        of_epoch = _pieces_of(self, epoch)
        first = int(np.searchsorted(of_epoch.starts, start, "right")) - 1
        last = int(np.searchsorted(of_epoch.starts, stop, "left"))
        found: list[int] = of_epoch.order[first:last].tolist()
        return found

    def _found(self, epoch: int, lane: int, start: int, stop: int) -> StreamPlaces:
        """Return where the pictures of a stretch of a lane lie."""
        of_epoch = _pieces_of(self, epoch)
        positions = []
        for low, high in self._windows(epoch, lane, start, stop):
            order = _window_order(self.seed, epoch, low, high - low)
            positions.append(low + order[max(start, low) - low : min(stop, high) - low])
        at = np.concatenate(positions)
        places = np.searchsorted(of_epoch.starts, at, "right") - 1
        return StreamPlaces(of_epoch.order[places], at - of_epoch.starts[places])


@lru_cache(maxsize=4)
def _firsts(order: StreamOrder) -> NDArray[np.int64]:
    """Return the number of the first picture of each part."""
    return np.cumsum(order.counts) - order.counts


@lru_cache(maxsize=4)
def _pieces_of(order: StreamOrder, epoch: int) -> _EpochPieces:
    permuted = epoch_order(order.seed, epoch, len(order.counts))
    return _EpochPieces(permuted, np.concatenate([[0], np.cumsum(order.counts[permuted])]))


@lru_cache(maxsize=4 * LANES)
def _window_bounds(order: StreamOrder, epoch: int, lane: int) -> NDArray[np.int64]:
    """Return where the windows of a lane begin, and where its last one ends: a part belongs to the window in whose
    stretch of equal length it begins."""
    begin, end = order._lane(lane)
    starts = _pieces_of(order, epoch).starts
    inside = starts[(starts > begin) & (starts < end)]
    stretch = (inside - begin) // max(1, order.window // LANES)
    return np.array([begin, *inside[np.flatnonzero(np.diff(stretch, prepend=0))], end], np.int64)


@lru_cache(maxsize=8 * LANES)
def _window_order(seed: int, epoch: int, start: int, n: int) -> NDArray[np.int64]:
    return random_order(step_seed(seed, epoch, start), epoch, n)
