"""Folding: fuse the operations of a net into fewer, which only inference allows.

A batch normalization with frozen statistics is a factor and an offset per channel, and the convolution
before it can absorb both into its kernel and bias. So can a factor on the pixels. The sums are the same in
another order, so results differ by rounding alone.

Folded operations hold copies of the weights at the time of folding: a net that is still being trained must
be folded again for each prediction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.convolution import Convolution2D, DepthwiseConvolution2D, pad_same
from tellapart.lowering.ops.convolution_bf16 import has_onednn
from tellapart.lowering.ops.dense import Dense
from tellapart.lowering.ops.dropout import Dropout
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.lowering.ops.pooling import MaxPooling2D
from tellapart.lowering.ops.preprocessing import Rescaling

WITHIN_PRODUCT = {"linear": ("none", ""), "relu": ("relu", ""), "gelu": ("gelu", "none")}
"""Activations that oneDNN can apply within a product, and its names for them."""


@dataclass(slots=True)
class Step:
    """One operation, the slots of the tensors that it reads, and the slot of the one that it writes."""

    operation: Operation
    inputs: tuple[int, ...]
    output: int


class FoldedConvolution(Operation):
    """A convolution with everything folded into it: kernel (C_out, C_in / groups, kh, kw)."""

    def __init__(self, plain: Convolution2D) -> None:
        super().__init__()
        self.kernel = plain.torch_kernel().detach().float()
        self.bias = None if plain.bias is None else plain.bias.detach().float()
        self.strides, self.dilation = plain.strides, plain.dilation
        self.groups, self.padding = plain.groups, plain.padding
        self.activation = plain.activation
        self._packed: Tensor | None = None
        self.read_in_windows: Any = (1, 1)
        """Height and width of the windows in which the result is read; a remainder that fills none is not computed."""

    def multiply(self, factor: Tensor, offset: Tensor) -> None:
        """Scale and shift each channel of the result: (C_out,) both."""
        self.kernel = self.kernel * factor[:, None, None, None]
        self.bias = offset if self.bias is None else self.bias * factor + offset

    def cast_to(self, dtype: torch.dtype) -> None:
        """Cast the weights once, for all later calls."""
        self.dtype = dtype
        self.kernel = self.kernel.to(dtype, memory_format=torch.channels_last)
        self.bias = None if self.bias is None else self.bias.to(dtype)

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x, padding = self._read(x.to(self.dtype)), (0, 0)
        if self.padding == "same":
            x, padding = pad_same(x, self.kernel.shape[2:], self.strides, self.dilation)
        if not has_onednn(self.dtype) or self.activation not in WITHIN_PRODUCT:
            x = F.conv2d(x, self.kernel, self.bias, self.strides, padding, self.dilation, self.groups)
            return activate_over(self.activation, x)
        return torch.ops.mkldnn._convolution_pointwise(
            x, self._packed_for(x, padding), self.bias, padding, self.strides, self.dilation, self.groups,
            WITHIN_PRODUCT[self.activation][0], [], WITHIN_PRODUCT[self.activation][1],
        )  # fmt: skip

    def _packed_for(self, x: Tensor, padding: tuple[int, int]) -> Tensor:
        """Return the kernel in oneDNN's layout, packed for the first batch.

        Batches of other sizes use it too. Two threads may both pack it, with the same result.
        """
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.kernel, padding, self.strides, self.dilation, self.groups, x.shape
            )
        return self._packed

    def _read(self, x: Tensor) -> Tensor:
        """Leave out rows and columns whose results are never read."""
        if self.padding != "valid" or self.strides != (1, 1):
            return x
        height, width = [
            size - (size - (k - 1) * d) % window
            for size, k, d, window in zip(
                x.shape[2:], self.kernel.shape[2:], self.dilation, self.read_in_windows, strict=True
            )
        ]
        return x[:, :, :height, :width].contiguous(memory_format=torch.channels_last)


class FoldedDense(Operation):
    """A dense layer with its activation: weight (out, in)."""

    def __init__(self, plain: Dense) -> None:
        super().__init__()
        self.weight = plain.kernel.detach().float().t()
        self.bias = None if plain.bias is None else plain.bias.detach().float()
        self.activation = plain.activation

    def cast_to(self, dtype: torch.dtype) -> None:
        """Cast the weights once, for all later calls."""
        self.dtype = dtype
        self.weight = self.weight.to(dtype)
        self.bias = None if self.bias is None else self.bias.to(dtype)

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x = F.linear(to_keras(x).to(self.dtype), self.weight, self.bias)
        return activate_over(self.activation, to_torch(x))


class FoldedPooling(Operation):
    """Max pooling; windows of 2 x 2 as two maxima of halves, which torch computes faster."""

    def __init__(self, plain: MaxPooling2D) -> None:
        super().__init__()
        self.plain = plain
        self.in_halves = plain.size == plain.strides == (2, 2) and plain.padding == "valid"

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        if not self.in_halves:
            return self.plain(x, training=training)
        height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
        x = torch.maximum(x[:, :, :height, 0:width:2], x[:, :, :height, 1:width:2])
        x = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
        return F.relu_(x) if self.plain.relu else x


FOLDED: dict[type[Operation], Any] = {
    Convolution2D: FoldedConvolution,
    DepthwiseConvolution2D: FoldedConvolution,
    Dense: FoldedDense,
    MaxPooling2D: FoldedPooling,
}


def fold(steps: Sequence[Step], result: int) -> tuple[list[Step], int]:
    """Fuse the steps that can be fused.

    Args:
        steps: in order; none is changed.
        result: slot of the result.

    Returns:
        Fewer steps, with copies of their weights, and the slot that now holds the result.
    """
    uses = Counter(slot for step in steps for slot in step.inputs) + Counter([result])
    writers: dict[int, Step] = {}
    replaced_by: dict[int, int] = {}
    for step in steps:
        kind = type(step.operation)
        operation = FOLDED[kind](step.operation) if kind in FOLDED else step.operation
        inputs = tuple(replaced_by.get(slot, slot) for slot in step.inputs)
        before = _only_writer(inputs, writers, uses)
        further = None if before is None else _only_writer(before.inputs, writers, uses)
        if _takes_over(before, further, operation):
            replaced_by[step.output] = inputs[0]
            uses[inputs[0]] += uses[step.output] - 1
            continue
        if before is not None and _takes_factor(before.operation, operation):
            del writers[before.output]
            inputs = before.inputs
        writers[step.output] = Step(operation, inputs, step.output)
    return list(writers.values()), replaced_by.get(result, result)


def _only_writer(inputs: tuple[int, ...], writers: dict[int, Step], uses: Counter[int]) -> Step | None:
    """Return the step that wrote the only input, if nothing else reads it."""
    return writers.get(inputs[0]) if len(inputs) == 1 and uses[inputs[0]] == 1 else None


def _takes_over(before: Step | None, further: Step | None, operation: Operation) -> bool:
    """Return whether the step can be dropped: it does nothing, or earlier steps now do its work."""
    activation = operation.name if type(operation) is ActivationOperation else ""
    if isinstance(operation, Dropout) or activation == "linear":
        return True
    if before is None:
        return False
    writer = before.operation
    if activation and isinstance(writer, FoldedConvolution | FoldedDense) and writer.activation == "linear":
        writer.activation = activation
        return True
    if isinstance(operation, FoldedPooling) and isinstance(writer, FoldedConvolution):
        if operation.plain.padding == "valid" and operation.plain.size == operation.plain.strides:
            writer.read_in_windows = operation.plain.size
        return False
    if not _normalizes_channels(operation):
        return False
    pooled = isinstance(writer, FoldedPooling) and not writer.plain.relu
    convolution = further.operation if pooled and further is not None else writer
    if not isinstance(convolution, FoldedConvolution) or convolution.activation != "linear":
        return False
    factor, offset = factor_and_offset(operation)
    if pooled and not bool((factor > 0).all()):
        return False  # the largest of the pooled pixels would become the smallest
    convolution.multiply(factor, offset)
    return True


def _takes_factor(before: Operation, operation: Operation) -> bool:
    """Return whether the operation's kernel has absorbed the factor by which pixels were multiplied before."""
    if type(before) is not Rescaling or before.offset or not isinstance(operation, FoldedConvolution):
        return False
    operation.kernel = operation.kernel * before.scale
    return True


def _normalizes_channels(operation: Operation) -> bool:
    return type(operation) is BatchNormalization and operation.axis in (-1, 3)


def factor_and_offset(normalization: Any) -> tuple[Tensor, Tensor]:
    """Return a batch normalization's factor and offset per channel in inference, computed in float64."""
    factor = (normalization.moving_variance.double() + normalization.epsilon).rsqrt()
    if normalization.gamma is not None:
        factor = factor * normalization.gamma.double()
    offset = -normalization.moving_mean.double() * factor
    if normalization.beta is not None:
        offset = offset + normalization.beta.double()
    return factor.detach().float(), offset.detach().float()
