"""FLOPs: the arithmetic that a model needs, however it is computed.

2 for each multiply-add of matrix products and convolutions, forward and backward.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tellapart.lowering import lower


class Flops(NamedTuple):
    """FLOPs of one image."""

    forward: int
    step: int
    """Forward and backward: gradients of the trained weights, and of all between them and the loss."""


def count_flops(model: Any, frozen: Sequence[Tensor] = ()) -> Flops:
    """Count the FLOPs of one image in training.

    In float32, where torch's counter knows every operation, and in inference mode, which leaves the model
    unchanged and multiplies just as much.

    Args:
        model: a Keras model, built, with one input of a fixed size.
        frozen: weights that get no gradient.
    """
    net = lower(model, "float32", fused=False)  # torch's counter knows no fused convolution
    frozen_ids = set(map(id, frozen))
    trained = [v.value for v in model.trainable_variables if id(v.value) not in frozen_ids]
    counter = FlopCounterMode(display=False, custom_mapping=_BACKWARD)
    with counter:
        output = net(torch.zeros(1, *model.input_shape[1:], device=net.device))
        forward = counter.get_total_flops()
        torch.autograd.grad(output.sum(), trained, allow_unused=True)
    return Flops(forward, counter.get_total_flops())


def _convolution_backward(
    gradient_shape: Sequence[int],
    images_shape: Sequence[int],
    kernel_shape: Sequence[int],
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    wanted: Sequence[bool],
    **_: Any,
) -> int:
    """Return the FLOPs of a convolution's gradients; torch's own formula leaves out the groups.

    Each gradient takes as many multiply-adds as the convolution itself.

    Args:
        gradient_shape: of the gradient of the output, (B, C, ...).
        images_shape: of the input, (B, C, ...).
        kernel_shape: (C, C / groups, ...).
        transposed: whether the kernel is applied to each number of the input, not for each of the output.
        wanted: whether the gradients of input, kernel and bias are.
    """
    batch, places = gradient_shape[0], images_shape[2:] if transposed else gradient_shape[2:]
    return sum(wanted[:2]) * 2 * batch * math.prod(places) * math.prod(kernel_shape)


_BACKWARD = {torch.ops.aten.convolution_backward: _convolution_backward}
