"""Pointwise: a convolution on oneDNN with an activation applied while the sums are in registers. Without gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.ops.activations import activate_over

WITHIN_PRODUCT: dict[str, tuple[str, list[float], str]] = {
    "linear": ("none", [], ""),
    "relu": ("relu", [], ""),
    "relu6": ("hardtanh", [0.0, 6.0], ""),
    "silu": ("swish", [], ""),
    "hard_silu": ("hardswish", [], ""),
    "gelu": ("gelu", [], "none"),
}
"""Activations that oneDNN can apply within a product: its name, parameters and algorithm of each."""

Pair = tuple[int, int]


def pointwise(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    *,
    activation: str,
) -> Tensor:
    """Return an activated convolution; arguments as in `convolution_bf16.convolve`, the kernel perhaps packed.

    Args:
        activation: within the product if it is in `WITHIN_PRODUCT`, else after it.
    """
    if torch.compiler.is_exporting():  # no other runtime has oneDNN's own operations
        x = F.conv2d(x, kernel, bias, strides, padding, dilation, groups)
        return activate_over(activation, x)
    is_within = activation in WITHIN_PRODUCT
    x = torch.ops.mkldnn._convolution_pointwise.default(
        x, kernel, bias, padding, strides, dilation, groups,
        *WITHIN_PRODUCT[activation if is_within else "linear"],
    )  # fmt: skip
    return x if is_within else activate_over(activation, x)
