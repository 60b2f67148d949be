"""Micro-batches: a batch divided over the cores, where that changes only the order of sums.

A batch may be divided if no layer mixes the images of a batch, the loss is a mean over images, and
the arithmetic is not float32, whose bits are Keras's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, TypeVar

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.lowering.microbatch import MicroBatch, MovingUpdate, enter_micro_batch
from tellapart.lowering.torch_masks import WholeBatchMasks
from tellapart.runtime.team import Team
from tellapart.runtime.workers import workers
from tellapart.training.loss import Loss, PerImageLoss
from tellapart.training.shares import BatchShare

FEWEST_IMAGES = 64
"""Fewest images in a micro-batch. With fewer, two Python threads wait for each other longer than they compute:
with 16 each, they took 17 ms for what torch's own threads did in 11 (the tutorial's network)."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """A batch, whole or divided into micro-batches."""

    items: list[tuple[Any, Any, Any, float]]
    """(inputs, targets, weight, share of the batch) of each micro-batch."""

    masks: WholeBatchMasks | None = None
    """Where the net draws as Keras does: the masks of the whole batch. Nothing else is drawn then."""

    share: BatchShare | None = None
    """What these are of a batch that a team shares; None: all of it."""

    team: Team | None = None

    @classmethod
    def of_share(
        cls, share: BatchShare, team: Team, inputs: Any, targets: Any, weight: Any, *, like_keras: bool
    ) -> "MicroBatches":
        """Divide a process's images into its parts of the batch.

        Args:
            share: which images they are.
            team: that shares the batch.
            inputs: of these images.
            targets: of these images.
            weight: sample weights (own images,), or None.
            like_keras: whether the net draws as Keras does.
        """
        counts = [part.count for part in share.parts]
        factors = [share.factor * count / share.images for count in counts]
        if len(counts) == 1:
            items = [(inputs, targets, weight, factors[0])]
        else:
            weights = [None] * len(counts) if weight is None else weight.split(counts)
            items = list(zip(inputs.split(counts), targets.split(counts), weights, factors, strict=True))
        masks = WholeBatchMasks(share.images) if like_keras else None
        return cls(items, masks, share, team)

    @classmethod
    def of_batch(
        cls,
        net: LoweredNet,
        loss: Loss,
        part_size: int | None,
        inputs: Any,
        targets: Any,
        weight: Any,
        *,
        like_keras: bool = False,
    ) -> "MicroBatches":
        """Divide a batch where that is exact; otherwise leave it whole.

        Args:
            net: the net to train.
            loss: its loss.
            part_size: images per micro-batch; None: one micro-batch for each of torch's threads, where
                that is exact.
            inputs: of the batch.
            targets: of the batch.
            weight: sample weights (B,), or None.
            like_keras: whether the net draws as Keras does.
        """
        count = 1
        if torch.is_tensor(inputs):
            per_thread = min(torch.get_num_threads(), len(inputs) // FEWEST_IMAGES)
            count = per_thread if part_size is None else max(1, round(len(inputs) / part_size))
        divisible = (
            count > 1
            and (net.can_split_batches or part_size is not None)
            and (net.device.type == "cpu" or part_size is not None)
            and isinstance(loss, PerImageLoss)
            and loss.divides(targets, weight, len(inputs), net.output_size)
        )
        if not divisible:
            return cls([(inputs, targets, weight, 1.0)])
        masks = WholeBatchMasks(len(inputs)) if like_keras else None
        return cls(divide(inputs, targets, weight, count), masks)

    def map(self, learn: Callable[[Any, Any, Any, float], Result]) -> list[Result]:
        """Learn from all micro-batches at once; on a GPU, which one of them fills, one after the other.

        Each draws its random numbers from a generator of its own, seeded from torch's global one, or takes its
        rows of Keras's masks.
        """
        if self.share is None and len(self.items) == 1:
            return [learn(*self.items[0])]
        micro_batches = self._of_one_process() if self.share is None else self._of_team(self.share)

        def run(index: int) -> Result:
            with enter_micro_batch(micro_batches[index]):
                return learn(*self.items[index])

        indices = range(len(self.items))
        on_cpu = self.items[0][0].device.type == "cpu"
        results = workers().map(run, indices) if on_cpu else list(map(run, indices))
        updates = [micro_batch.afterward for micro_batch in micro_batches]
        for update in chain.from_iterable(self._of_all_parts(updates)):
            update.apply(update.mean, update.variance, update.weight)
        return results

    def _of_one_process(self) -> list[MicroBatch]:
        seed = 0 if self.masks else _drawn_seed()
        firsts = accumulate((len(item[0]) for item in self.items), initial=0)
        return [
            MicroBatch(item[3], torch.Generator().manual_seed(seed + index), self.masks, first)
            for index, (item, first) in enumerate(zip(self.items, firsts, strict=False))
        ]

    def _of_team(self, share: BatchShare) -> list[MicroBatch]:
        """Return this process's parts, which draw as they would if one process had all of them."""
        assert self.team is not None
        seed = _drawn_seed() if share.all_parts > 1 and not self.masks else None
        micro_batches = []
        for part in share.parts:
            generator = (
                torch.default_generator if seed is None else torch.Generator().manual_seed(seed + part.index)
            )
            first = share.first if self.masks else part.first
            shared = len(part.ranks) > 1 and self.team.device.type == "cpu"
            micro_batches.append(
                MicroBatch(
                    part.images / share.images,
                    generator,
                    self.masks,
                    first,
                    part.images,
                    self.team.sharers(part.ranks) if shared else None,
                )
            )
        return micro_batches

    def _of_all_parts(self, updates: list[list[MovingUpdate]]) -> list[list[MovingUpdate]]:
        """Return the updates of all parts of the batch, those of other processes too, in the order of the parts."""
        share = self.share
        if share is None or self.team is None or share.all_parts == len(share.parts) or not updates[0]:
            return updates
        begun = [each for each, part in zip(updates, share.parts, strict=True) if part.first == 0]
        own = torch.stack([_flat(each) for each in updates])[: len(begun)]
        return [_as(updates[0], row) for row in self.team.gathered_rows(own, share.begun)]


def _drawn_seed() -> int:
    return int(torch.randint(2**62, ()))


def _flat(updates: list[MovingUpdate]) -> Tensor:
    numbers = [torch.cat([each.mean.float(), each.variance.float()]) for each in updates]
    return torch.cat([*numbers, torch.tensor([each.weight for each in updates], device=numbers[0].device)])


def _as(updates: list[MovingUpdate], numbers: Tensor) -> list[MovingUpdate]:
    """Return updates of the same layers with the numbers of another part."""
    sizes = [len(each.mean) for each in updates for _ in range(2)]
    *statistics, weights = numbers.split([*sizes, len(updates)])
    pairs = zip(statistics[::2], statistics[1::2], strict=True)
    return [
        MovingUpdate(each.apply, mean, variance, float(weight))
        for each, (mean, variance), weight in zip(updates, pairs, weights, strict=True)
    ]


def divide(
    inputs: Tensor, targets: Tensor, weight: Tensor | None, count: int
) -> list[tuple[Any, Any, Any, float]]:
    """Divide a batch into `count` parts whose sizes differ by at most one."""
    weights = [None] * count if weight is None else weight.tensor_split(count)
    return [
        (x, y, w, len(x) / len(inputs))
        for x, y, w in zip(inputs.tensor_split(count), targets.tensor_split(count), weights, strict=True)
    ]
