"""Torch's dropout masks, faster: the same bits from the same generator, which moves on as far.

Keras on torch drops by `torch.nn.functional.dropout`, which draws from torch's global generator, from which the
order of the images is drawn as well. So a training whose masks come from anywhere else leaves Keras's order of
images, too. On most processors torch draws one number a unit, in the order in which the units lie in memory: each
of 64 bits, of which 53 count. A whole tensor of them is drawn and compared in less than half the time. Where a
test of a few numbers shows that this torch draws in another way, torch draws itself.

Keras's feature maps lie in memory as the layer before leaves them: a convolution's with the channels last, a
pooling's with the channels first. `Order` says how.
"""

import math
import threading
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch

Order = tuple[int, ...]
"""Axes of a tensor in Keras's layout, from the one with the largest steps in memory to that with the smallest."""

BITS = 53
"""How many bits of a random number torch makes a double of."""


def order_of(tensor: Tensor) -> Order:
    """Return the order in which a tensor's axes lie in memory."""
    return tuple(sorted(range(tensor.ndim), key=tensor.stride, reverse=True))


def keep_mask(shape: Sequence[int], rate: float, order: Order | None, dtype: torch.dtype) -> Tensor:
    """Return the mask that `torch.nn.functional.dropout` draws next: 0 with probability `rate`, else 1.

    Args:
        shape: in the lowered layout.
        rate: above 0 and below 1.
        order: how the tensor to be masked lies in Keras's memory; None: as its axes come.
        dtype: of the tensor to be masked.

    Returns:
        A tensor of that shape on the CPU, uint8 or of `dtype`.
    """
    like_keras = to_keras(torch.empty(shape, device="meta")).shape
    order = order or tuple(range(len(shape)))
    sizes = [like_keras[axis] for axis in order]
    axes = sorted(range(len(order)), key=lambda axis: order[axis])
    if draws_a_number_a_unit():
        words = torch.empty(math.prod(sizes), dtype=torch.int64).random_(-(2**63), None)
        return to_torch(_kept(words, rate).view(sizes).permute(axes))
    return to_torch(torch.empty(sizes, dtype=dtype).permute(axes).bernoulli_(1 - rate))


def _kept(words: Tensor, rate: float) -> Tensor:
    """Return the decisions of random numbers, uint8; the numbers are overwritten."""
    return words.bitwise_and_(2**BITS - 1).lt(math.ceil((1 - rate) * 2**BITS)).view(torch.uint8)


@cache
def draws_a_number_a_unit() -> bool:
    """Return whether this torch makes masks as described above, on this processor."""
    theirs, ours = (torch.Generator().manual_seed(0) for _ in range(2))
    mask = torch.empty(512).bernoulli_(0.7, generator=theirs)
    words = torch.empty(512, dtype=torch.int64).random_(-(2**63), None, generator=ours)
    same_state = torch.equal(theirs.get_state(), ours.get_state())
    return same_state and torch.equal(mask, _kept(words, 1 - 0.7).float())


class WholeBatchMasks:
    """Masks that are drawn for a whole batch while its micro-batches run at once.

    Each micro-batch asks for its masks in the order of its layers, so the first to ask draws, and neither the
    number of threads nor their speed decides anything.
    """

    def __init__(self, images: int) -> None:
        self.images = images
        self._masks: list[Tensor] = []
        self._lock = threading.Lock()

    def take(self, index: int, draw: Callable[[], Tensor]) -> Tensor:
        """Return the mask of that index, made by `draw` if no micro-batch has asked for it before."""
        with self._lock:
            if index == len(self._masks):
                self._masks.append(draw())
            return self._masks[index]
