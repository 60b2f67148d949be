"""A convolution with everything folded into it that inference allows: normalization, padding, sums, activation.

oneDNN pads both sides alike. Where Keras pads one more row or column after the data than before, as for even
sizes with stride 2, a depthwise kernel gets a leading row or column of zeros instead, which costs a fraction of
padding a copy of the map (`benchmarks/NOTES.md`).
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.convolution import Convolution2D, same_margins
from tellapart.lowering.ops.convolution_bf16 import has_onednn
from tellapart.lowering.ops.pointwise import pointwise

Sides = tuple[tuple[int, int], tuple[int, int]]
"""Pixels before and after the data: ((top, bottom), (left, right))."""

NO_MARGINS: Sides = ((0, 0), (0, 0))

AFTER_SUM = ("linear", "relu")
"""Those that it can apply after adding another tensor."""


class Plan(NamedTuple):
    """How images of one size are padded."""

    copied: Sides
    """Zeros that a copy of the images gets beforehand."""

    leading: tuple[int, int]
    """Rows and columns of zeros before the kernel's own."""

    padding: tuple[int, int]
    """Rows and columns that the product itself pads with on both sides."""

    size: tuple[int, int]
    """Height and width of the result."""


class FoldedConvolution(Operation):
    """A convolution with everything folded into it: kernel (C_out, C_in / groups, kh, kw)."""

    def __init__(self, plain: Convolution2D) -> None:
        super().__init__()
        self.kernel = plain.torch_kernel().detach().float()
        self.bias = None if plain.bias is None else plain.bias.detach().float()
        self.strides, self.dilation = plain.strides, plain.dilation
        self.groups, self.activation = plain.groups, plain.activation
        self.margins: Sides | None = None if plain.padding == "same" else NO_MARGINS
        """Zeros around the images; None: as Keras pads for "same"."""
        self.center = 0.0
        """Number subtracted from every pixel of the images, before any padding."""
        self.adds = False
        """Whether a second tensor is added, before the activation."""
        self.read_in_windows: Any = (1, 1)
        """Height and width of the windows in which the result is read; a remainder that fills none is not computed."""
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._packed: dict[tuple[int, int], Tensor] = {}

    @property
    def is_depthwise(self) -> bool:
        """Whether every channel has kernels of its own."""
        return self.kernel.shape[1] == 1 and self.groups > 1

    def multiply(self, factor: Tensor, offset: Tensor) -> None:
        """Scale and shift each channel of the result: (C_out,) both."""
        self.kernel = self.kernel * factor[:, None, None, None]
        self.bias = offset if self.bias is None else self.bias * factor + offset

    def rescale_pixels(self, scale: float, offset: float) -> None:
        """Take pixels instead of pixels * scale + offset; the scale is not 0."""
        self.kernel = self.kernel * scale
        self.center = (self.center - offset) / scale

    def cast_to(self, dtype: torch.dtype) -> None:
        """Cast the weights once, for all later calls."""
        self.dtype = dtype
        rounds = self.is_depthwise and dtype != torch.float32
        kernel = _rounded_without_drift(self.kernel, dtype) if rounds else self.kernel
        self.kernel = kernel.to(dtype, memory_format=torch.channels_last)
        self.bias = None if self.bias is None else self.bias.to(dtype)

    def forward(self, x: Tensor, added: Tensor | None = None, *, training: bool) -> Tensor:
        x = self._read(x)
        plan = self._plan(x)
        x = (x.float() - self.center if self.center else x).to(self.dtype)
        if plan.copied != NO_MARGINS:
            (top, bottom), (left, right) = plan.copied
            x = F.pad(x, (left, right, top, bottom))
        if x.requires_grad or not has_onednn(self.dtype):  # oneDNN's products know no gradients
            return self._plainly(x, added, plan)
        if added is None:
            return self._product(x, plan, self.activation)
        if added.shape != (len(x), len(self.kernel), *plan.size) or self.activation not in AFTER_SUM:
            return activate_over(self.activation, self._product(x, plan, "linear") + added)
        added = added.to(self.dtype, memory_format=torch.channels_last)
        unary = None if self.activation == "linear" else self.activation
        return torch.ops.mkldnn._convolution_pointwise.binary(
            x, added, self._packed_for(x, plan), self.bias, plan.padding, self.strides, self.dilation, self.groups,
            "add", 1.0, unary, [], None,
        )  # fmt: skip

    def _product(self, x: Tensor, plan: Plan, activation: str) -> Tensor:
        kernel, options = self._packed_for(x, plan), (self.strides, plan.padding, self.dilation, self.groups)
        return pointwise(x, kernel, self.bias, *options, activation=activation)

    def _plainly(self, x: Tensor, added: Tensor | None, plan: Plan) -> Tensor:
        kernel = _with_leading_zeros(self.kernel, plan.leading)
        x = F.conv2d(x, kernel, self.bias, self.strides, plan.padding, self.dilation, self.groups)
        return activate_over(self.activation, x if added is None else x + added)

    def _packed_for(self, x: Tensor, plan: Plan) -> Tensor:
        """Return the kernel in oneDNN's layout, packed for the first batch.

        Batches of other sizes use it too. Two threads may both pack it, with the same result.
        """
        packed = self._packed.get(plan.leading)
        if packed is None:
            kernel = _with_leading_zeros(self.kernel, plan.leading)
            packed = self._packed[plan.leading] = torch.ops.mkldnn._reorder_convolution_weight(
                kernel, plan.padding, self.strides, self.dilation, self.groups, x.shape
            )
        return packed

    def _plan(self, x: Tensor) -> Plan:
        size = tuple(x.shape[2:])
        plan = self._plans.get(size)
        if plan is None:
            plan = self._plans[size] = self._planned(size)
        return plan

    def _planned(self, size: tuple[int, ...]) -> Plan:
        kernel, strides, dilation = self.kernel.shape[2:], self.strides, self.dilation
        margins = self.margins or same_margins(size, kernel, strides, dilation)
        (top, bottom), (left, right) = margins
        height, width = [
            (n + sum(sides) - (k - 1) * d - 1) // s + 1
            for n, sides, k, s, d in zip(size, margins, kernel, strides, dilation, strict=True)
        ]
        leading = (bottom - top, right - left)
        if leading == (0, 0) or (self.is_depthwise and dilation == (1, 1) and set(leading) <= {0, 1}):
            return Plan(NO_MARGINS, leading, (bottom, right), (height, width))
        return Plan(margins, (0, 0), (0, 0), (height, width))

    def _read(self, x: Tensor) -> Tensor:
        """Leave out rows and columns whose results are never read."""
        if self.read_in_windows == (1, 1) or self.margins != NO_MARGINS or self.strides != (1, 1):
            return x
        height, width = [
            size - (size - (k - 1) * d) % window
            for size, k, d, window in zip(
                x.shape[2:], self.kernel.shape[2:], self.dilation, self.read_in_windows, strict=True
            )
        ]
        return x[:, :, :height, :width].contiguous(memory_format=torch.channels_last)


def _rounded_without_drift(kernel: Tensor, dtype: torch.dtype) -> Tensor:
    """Round kernels (C, 1, kh, kw) so that the errors of each add up to almost nothing: a cell takes over those before.

    Neighboring pixels are alike, so it is the sum of a kernel's errors that shifts its channel. Of EfficientNet-Lite0's
    logits in bfloat16, this takes away a third of the error. On such shifts: Nagel et al. 2019, arXiv:1906.04721.
    """
    cells = kernel.flatten(1)
    rounded, left = torch.empty_like(cells), torch.zeros(len(cells))
    for number, cell in enumerate(cells.unbind(1)):
        rounded[:, number] = (cell + left).to(dtype)
        left = cell + left - rounded[:, number]
    return rounded.view_as(kernel)


def _with_leading_zeros(kernel: Tensor, leading: tuple[int, int]) -> Tensor:
    return F.pad(kernel, (leading[1], 0, leading[0], 0)) if any(leading) else kernel
