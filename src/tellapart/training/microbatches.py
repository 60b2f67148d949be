"""Parts: a batch divided over the cores, where dividing it changes nothing but the order of sums.

So it is where no layer lets pictures of a batch touch each other, the loss is a mean over pictures,
and the arithmetic is not float32, whose bits are Keras's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet
from tellapart.lowering.microbatch import MicroBatch, enter_micro_batch
from tellapart.runtime.workers import workers
from tellapart.training.loss import Loss, PictureLoss

FEWEST = 64
"""Pictures in a part. With fewer, two threads of Python wait for each other longer than they compute:
at 16 each, two took 17 ms for what torch's own threads did in 11 (the tutorial's network)."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """One batch, whole or divided."""

    items: list[tuple[Any, Any, Any, float]]
    """(inputs, truth, weight, share of the batch) of each part."""

    @classmethod
    def of_batch(
        cls, net: LoweredNet, loss: Loss, part_size: int | None, inputs: Any, truth: Any, weight: Any
    ) -> "MicroBatches":
        """Divide a batch where that is right; else leave it whole.

        Args:
            net: to learn.
            loss: what it learns by.
            part_size: pictures that belong together; None: a part for each of torch's threads, where that
                changes nothing.
            inputs: of the batch.
            truth: of the batch.
            weight: of its pictures, or None.
        """
        count = 1
        if torch.is_tensor(inputs):
            own = min(torch.get_num_threads(), len(inputs) // FEWEST)
            count = own if part_size is None else max(1, round(len(inputs) / part_size))
        divisible = (
            count > 1
            and (net.can_split_batches or part_size is not None)
            and (net.device.type == "cpu" or part_size is not None)
            and isinstance(loss, PictureLoss)
            and loss.divides(truth, weight, len(inputs), net.output_size)
        )
        return cls(divide(inputs, truth, weight, count) if divisible else [(inputs, truth, weight, 1.0)])

    def map(self, learn: Callable[[Any, Any, Any, float], Result]) -> list[Result]:
        """Learn from each part at once; on a GPU, which one part fills, from one after the other.

        Chance within a part comes from a generator of its own, seeded from torch's global one.
        """
        if len(self.items) == 1:
            return [learn(*self.items[0])]
        seed = int(torch.randint(2**62, ()))
        slices = [
            MicroBatch(item[3], torch.Generator().manual_seed(seed + index))
            for index, item in enumerate(self.items)
        ]

        def run(index: int) -> Result:
            with enter_micro_batch(slices[index]):
                return learn(*self.items[index])

        everything = range(len(self.items))
        on_cpu = self.items[0][0].device.type == "cpu"
        results = workers().map(run, everything) if on_cpu else list(map(run, everything))
        for part in slices:
            for action in part.afterward:
                action()
        return results


def divide(
    inputs: Tensor, truth: Tensor, weight: Tensor | None, count: int
) -> list[tuple[Any, Any, Any, float]]:
    """A batch in `count` parts whose sizes differ by one at most."""
    weights = [None] * count if weight is None else weight.tensor_split(count)
    return [
        (x, y, w, len(x) / len(inputs))
        for x, y, w in zip(inputs.tensor_split(count), truth.tensor_split(count), weights, strict=True)
    ]
