"""Batches: which images are learned from, in which order, at every step.

A batch is a pure function of (seed, epoch, step), however many processes share it. Nothing here keeps a cursor, so a
run resumed at step 700 sees what an unbroken run would have seen.

Knows nothing of pixels, models or augmentation, and works without torch.
"""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError

_LARGEST_KEY = 2**64 - 1


@lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return the order in which one epoch visits rows 0 to n - 1.

    Sorts one random number per row. NumPy guarantees the raw stream of Philox, but not what
    `Generator.permutation` makes of it; so a run can be resumed under another NumPy.

    Args:
        seed: the run's seed, 0 to 2^64 - 1.
        epoch: whole passes finished, from 0.
        n: how many rows.

    Returns:
        (n,) int64, a permutation. Read-only, because later calls return the same array.

    Raises:
        ConfigError: `seed` is out of range.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox).
    """
    _check_seed(seed)
    return random_order(seed, epoch, n)


def random_order(key: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return the permutation of `epoch_order`, for any key from 0 to 2^64 - 1, without remembering it."""
    philox = np.random.Philox(key=np.array([key, epoch], dtype=np.uint64))
    order = np.argsort(philox.random_raw(n), kind="stable").astype(np.int64, copy=False)
    order.flags.writeable = False
    return order


@dataclass(frozen=True, slots=True, eq=False)
class RowLabels:
    """Each row's class. Equal to itself alone, so that what follows from it can be remembered."""

    values: NDArray[np.int64]
    """(N,)."""


@lru_cache(maxsize=4)
def balanced_order(seed: int, epoch: int, labels: RowLabels, n: int) -> NDArray[np.int64]:
    """Return rows that one epoch visits, of each class equally many.

    The classes' counts differ by at most one row, and so do the visits of a class's rows: one with fewer rows than its
    share is repeated, of one with more only some are visited, others in another epoch.

    Args:
        seed: the run's seed, 0 to 2^64 - 1.
        epoch: whole passes finished, from 0.
        labels: of all rows.
        n: how many rows to visit.

    Returns:
        (n,) int64. Read-only, because later calls return the same array.
    """
    shuffled = epoch_order(seed, epoch, len(labels.values))
    present = np.unique(labels.values)
    quotas = np.full(len(present), n // len(present))
    first = epoch * (n % len(present))  # the rows that are left over go to the classes in turn
    quotas[(first + np.arange(n % len(present))) % len(present)] += 1
    rows = []
    for label, quota in zip(present, quotas, strict=True):
        own = shuffled[labels.values[shuffled] == label]
        rows.append(np.resize(own, quota))
    order = np.concatenate(rows)[epoch_order(seed ^ _OF_BALANCED, epoch, n)]
    order.flags.writeable = False
    return order


_OF_BALANCED = 0x62616C616E636564
"""Makes another seed of a run's: the order among classes has nothing to do with that within them."""


def step_seed(seed: int, epoch: int, step: int, rank: int = 0) -> int:
    """Return the seed of one step's augmentation and dropout, 0 to 2^64 - 1.

    Neighboring steps get unrelated seeds, and the low 32 bits, all that torch's CPU generator keeps, are as
    well mixed as the rest.
    """
    text = f"{seed},{epoch},{step},{rank}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSampler:
    """Cuts `n` rows into batches."""

    n: int
    """Rows in the data set."""

    batch_size: int
    """Rows per step, over all processes together."""

    seed: int
    """The run's seed, 0 to 2^64 - 1."""

    shuffle: bool = True
    """A new order every epoch; otherwise 0 to n - 1 every time."""

    drop_last: bool = False
    """Leave out the rows at the end of an epoch that do not fill a batch."""

    rows_per_epoch: int | None = None
    """Rows visited in an epoch, the first of its order; None: all."""

    labels: RowLabels | None = field(default=None, repr=False)
    """Each row's class, where an epoch visits every class equally often; None: it visits each row once."""

    def __post_init__(self) -> None:
        _check_seed(self.seed)
        if self.n < 1:
            raise ConfigError(f"Batches need at least one row; got n = {self.n}.")
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is 1 or more; got {self.batch_size}.")
        if self.drop_last and self.n < self.batch_size:
            raise ConfigError(
                f"{self.n} rows do not fill one batch of {self.batch_size}, and drop_last leaves out "
                f"the rest. Use a batch_size of {self.n} or less."
            )
        if self.rows_per_epoch is not None and self.rows_per_epoch < 1:
            raise ConfigError(f"rows_per_epoch is 1 or more; got {self.rows_per_epoch}.")
        if self.labels is not None and (self.labels.values.shape != (self.n,) or not self.shuffle):
            raise ConfigError(
                f"Balanced batches need a label for each of {self.n} rows, and are shuffled; got labels of shape "
                f"{self.labels.values.shape}."
            )

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch, a short last one included unless it is dropped."""
        n = self._visited
        return max(1, n // self.batch_size) if self.drop_last else -(-n // self.batch_size)

    @property
    def _visited(self) -> int:
        return self.n if self.rows_per_epoch is None else min(self.n, self.rows_per_epoch)

    def rows(self, epoch: int, step: int) -> NDArray[np.int64]:
        """Return the rows of one step.

        Args:
            epoch: whole passes finished, from 0.
            step: steps finished within the epoch, from 0.

        Returns:
            (b,) int64, a new array.

        Raises:
            IndexError: no such step in an epoch.
        """
        start = step * self.batch_size
        stop = start + self.size(step)
        if not self.shuffle:
            return np.arange(start, stop, dtype=np.int64)
        if self.labels is None:
            order = epoch_order(self.seed, epoch, self.n)
        else:
            order = balanced_order(self.seed, epoch, self.labels, self._visited)
        return order[start:stop].copy()

    def size(self, step: int) -> int:
        """Return the number of rows of one step.

        Raises:
            IndexError: no such step in an epoch.
        """
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step is 0 to {self.steps_per_epoch - 1}; got {step}.")
        return min(self.batch_size, self._visited - step * self.batch_size)


def _check_seed(seed: int) -> None:
    if not 0 <= seed <= _LARGEST_KEY:
        raise ConfigError(f"A seed is a whole number from 0 to 2^64 - 1; got {seed}.")
