"""Micro-batches: a batch divided over the cores, where that changes only the order of sums.

A batch may be divided if no layer mixes the images of a batch, the loss is a mean over images, and
the arithmetic is not float32, whose bits are Keras's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeVar

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.lowering.microbatch import MicroBatch, enter_micro_batch
from tellapart.lowering.torch_masks import WholeBatchMasks
from tellapart.runtime.workers import workers
from tellapart.training.loss import Loss, PerImageLoss

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
        if len(self.items) == 1:
            return [learn(*self.items[0])]
        seed = 0 if self.masks else int(torch.randint(2**62, ()))
        firsts = accumulate((len(item[0]) for item in self.items), initial=0)
        micro_batches = [
            MicroBatch(item[3], torch.Generator().manual_seed(seed + index), self.masks, first)
            for index, (item, first) in enumerate(zip(self.items, firsts, strict=False))
        ]

        def run(index: int) -> Result:
            with enter_micro_batch(micro_batches[index]):
                return learn(*self.items[index])

        indices = range(len(self.items))
        on_cpu = self.items[0][0].device.type == "cpu"
        results = workers().map(run, indices) if on_cpu else list(map(run, indices))
        for micro_batch in micro_batches:
            for action in micro_batch.afterward:
                action()
        return results


def divide(
    inputs: Tensor, targets: Tensor, weight: Tensor | None, count: int
) -> list[tuple[Any, Any, Any, float]]:
    """Divide a batch into `count` parts whose sizes differ by at most one."""
    weights = [None] * count if weight is None else weight.tensor_split(count)
    return [
        (x, y, w, len(x) / len(inputs))
        for x, y, w in zip(inputs.tensor_split(count), targets.tensor_split(count), weights, strict=True)
    ]
