"""Shares of a batch: which of its images each process of a team learns from.

A batch is divided as one process would divide it, into parts that have batch statistics and random numbers to
themselves; processes get whole parts, or several processes share one. So the result does not depend on how many there
are, but for the order of sums.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise

from torch import Tensor

from tellapart.runtime.team import Team

FEWEST_IMAGES = 2
"""For each process; a smaller batch is computed by all of them, and counts once."""


@dataclass(frozen=True, slots=True)
class PartShare:
    """What a process has of one part of a batch."""

    index: int
    """Of the part, in the batch."""

    images: int
    """In the part, those of other processes too."""

    first: int
    """Index in the part of the first own image."""

    count: int
    """Own images."""

    ranks: range
    """The processes that have images of the part."""


@dataclass(frozen=True, slots=True)
class BatchShare:
    """What a process has of a batch."""

    images: int
    """In the batch, of all processes."""

    first: int
    """Index in the batch of the first own image."""

    parts: tuple[PartShare, ...]
    all_parts: int
    """Parts of the batch, of all processes."""

    counts: tuple[int, ...]
    """Images of each process."""

    begun: tuple[int, ...]
    """Parts whose first image is with each process."""

    factor: float = 1.0
    """1; or 0 for a process that only does again what another one does."""

    @property
    def count(self) -> int:
        """Own images."""
        return sum(part.count for part in self.parts)

    @property
    def rows(self) -> slice:
        """Own images, in the batch."""
        return slice(self.first, self.first + self.count)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who shares each batch of a training."""

    team: Team | None = None
    """Of this process; None: it is alone."""

    part_size: int | None = None
    """Images in a part; None: a batch is one part."""

    def share(self, images: int) -> BatchShare | None:
        """Return what this process learns from of a batch; None: all of it."""
        return (
            None if self.team is None else Shares(self.team.size, self.part_size).of(images, self.team.rank)
        )

    def counted(self, count: Tensor, share: BatchShare | None) -> Tensor:
        """Return how many images of a batch something is true of, from the number of own ones."""
        return count if share is None or self.team is None else self.team.summed(count * int(share.factor))


ALONE = Sharing()
"""One process, which learns from every batch as a whole."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How the processes of a team divide every batch."""

    size: int
    """Processes."""

    part_size: int | None = None
    """Images in a part; None: a batch is one part."""

    def of(self, images: int, rank: int) -> BatchShare:
        """Return a process's share of a batch of so many images."""
        count = self.parts_of(images)
        sizes = whole_sizes(images, count)
        if images < FEWEST_IMAGES * self.size:
            parts = tuple(PartShare(i, n, 0, n, range(rank, rank + 1)) for i, n in enumerate(sizes))
            everybody = (images,) * self.size, (count,) * self.size
            return BatchShare(images, 0, parts, count, *everybody, float(rank == 0))
        per_process = [self._parts(sizes, process) for process in range(self.size)]
        counts = tuple(sum(part.count for part in parts) for parts in per_process)
        begun = tuple(sum(part.first == 0 for part in parts) for parts in per_process)
        return BatchShare(images, sum(counts[:rank]), per_process[rank], count, counts, begun)

    def parts_of(self, images: int) -> int:
        """Return into how many parts a batch is divided, over which its statistics are taken."""
        count = 1 if self.part_size is None else max(1, round(images / self.part_size))
        shared_evenly = count >= self.size or self.size % count == 0
        return count if shared_evenly or images < FEWEST_IMAGES * self.size else self.size

    def _parts(self, sizes: list[int], rank: int) -> tuple[PartShare, ...]:
        if len(sizes) >= self.size:
            first, stop = list(pairwise(accumulate(whole_sizes(len(sizes), self.size), initial=0)))[rank]
            alone = range(rank, rank + 1)
            return tuple(PartShare(i, sizes[i], 0, sizes[i], alone) for i in range(first, stop))
        together = self.size // len(sizes)
        index, place = divmod(rank, together)
        own = whole_sizes(sizes[index], together)
        ranks = range(index * together, (index + 1) * together)
        return (PartShare(index, sizes[index], sum(own[:place]), own[place], ranks),)


def whole_sizes(n: int, count: int) -> list[int]:
    """Return the sizes of `count` parts of `n`, as `torch.tensor_split` makes them."""
    return [n // count + (index < n % count) for index in range(count)]
