"""FLOPs: the arithmetic that a model's mathematics asks for, whichever way it is computed.

2 for each multiply-add of products and convolutions, forward and backward.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tellapart.lowering import lower


class Flops(NamedTuple):
    """Arithmetic that one picture costs."""

    forward: int
    step: int
    """Forward and backward: the gradients of what is learned, and of what lies between it and the loss."""


def count_flops(model: Any, frozen: Sequence[Tensor] = ()) -> Flops:
    """Count what one picture costs a model that learns.

    In float32, where every operation is one that torch's counter knows; and as for inference, which leaves
    the model as it was and multiplies no less.

    Args:
        model: Keras's, built, with one input of a fixed size.
        frozen: weights whose gradients are not asked for.
    """
    net = lower(model, "float32")
    rests = set(map(id, frozen))
    learned = [v.value for v in model.trainable_variables if id(v.value) not in rests]
    counter = FlopCounterMode(display=False)
    with counter:
        output = net(torch.zeros(1, *model.input_shape[1:], device=net.device))
        forward = counter.get_total_flops()
        torch.autograd.grad(output.sum(), learned, allow_unused=True)
    return Flops(forward, counter.get_total_flops())
