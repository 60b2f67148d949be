"""Cost: what one run of a network over an image costs, so that the work of an explanation can be limited.

Work is limited by this and not by a clock, so that a picture's page is the same on every machine.

FLOPs are counted call by call, as torch's own counter does, which would first import torch's compiler for a second.
"""

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import conv_flop_count, sdpa_flop_count

from tellapart.explanations.recorder import Recorder

FLOPS_PER_OUTPUT = 100
"""FLOPs that each number of a layer's output counts as: what a core computes while it writes and reads one."""


def cost_of(recorder: Recorder, image: Tensor) -> int:
    """Return the FLOPs of one image, forward: 2 per multiply-add, plus the layers' outputs.

    Args:
        recorder: of the network.
        image: (H, W, C) float32, 0-255.
    """
    counter = FlopCounter()
    with torch.no_grad(), counter:
        numbers = recorder.count_outputs(image[None])
    return counter.flops + FLOPS_PER_OUTPUT * numbers


class FlopCounter(TorchFunctionMode):
    """Counts the FLOPs of products and convolutions within the block."""

    flops = 0

    def __torch_function__(
        self,
        function: Any,
        types: Iterable[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in _FLOPS:
            self.flops += _FLOPS[function](result, *args)
        return result


def _of_convolution(result: Tensor, x: Tensor, kernel: Tensor, *_: Any) -> int:
    return conv_flop_count(list(x.shape), list(kernel.shape), list(result.shape))


def _of_transposed_convolution(result: Tensor, x: Tensor, kernel: Tensor, *_: Any) -> int:
    return conv_flop_count(list(x.shape), list(kernel.shape), list(result.shape), transposed=True)


def _of_product(result: Tensor, x: Tensor, *_: Any) -> int:
    return 2 * result.numel() * x.shape[-1]


def _of_attention(_: Tensor, queries: Tensor, keys: Tensor, values: Tensor, *__: Any) -> int:
    shapes = [(prod(x.shape[:-3]), *x.shape[-3:]) for x in (queries, keys, values)]
    return sdpa_flop_count(*shapes)


def _of_einsum(_: Tensor, equation: str, *operands: Tensor) -> int:
    sides: dict[str, int] = {}
    for letters, operand in zip(equation.split("->")[0].split(","), operands, strict=True):
        sides |= dict(zip(letters, operand.shape, strict=True))
    return 2 * prod(sides.values())


_FLOPS: dict[Any, Callable[..., int]] = {
    torch.conv2d: _of_convolution,
    F.conv_transpose2d: _of_transposed_convolution,
    F.linear: _of_product,
    torch.matmul: _of_product,
    Tensor.matmul: _of_product,
    Tensor.__matmul__: _of_product,
    F.scaled_dot_product_attention: _of_attention,
    torch.einsum: _of_einsum,
}
"""Each from the result and the arguments by position."""
