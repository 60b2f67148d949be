"""Folding: fuse the operations of a net into fewer, which only inference allows.

A batch normalization with frozen statistics is a factor and an offset per channel, and the convolution
before it can absorb both into its kernel and bias. So can a factor on the pixels; and a convolution pads, adds a
second tensor and applies an activation itself. The sums are the same in another order, so results differ by
rounding alone.

Folded operations hold copies of the weights at the time of folding: a net that is still being trained must
be folded again for each prediction.
"""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.inference.folded_convolution import NO_MARGINS, FoldedConvolution
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.augmentation import Augmentation
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.convolution import Convolution2D, DepthwiseConvolution2D
from tellapart.lowering.ops.dense import Dense
from tellapart.lowering.ops.dropout import Dropout
from tellapart.lowering.ops.merging import Addition
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.lowering.ops.pooling import MaxPooling2D
from tellapart.lowering.ops.preprocessing import Rescaling
from tellapart.lowering.ops.shaping import Padding


@dataclass(slots=True)
class Step:
    """One operation, the slots of the tensors that it reads, and the slot of the one that it writes."""

    operation: Operation
    inputs: tuple[int, ...]
    output: int


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

    def before_activation(self, x: Tensor) -> Tensor:
        """Return the product of the inputs and the weights, plus bias."""
        return to_torch(F.linear(to_keras(x).to(self.dtype), self.weight, self.bias))

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.activation, self.before_activation(x))


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
    steps = _taken_apart(steps)
    folding = _Folding(steps, result)
    for step in steps:
        folding.take(step)
    return list(folding.writers.values()), folding.replaced_by.get(result, result)


def _taken_apart(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with what training has joined as steps of their own again."""
    apart: list[Step] = []
    free = 1 + max((slot for step in steps for slot in (*step.inputs, step.output)), default=0)
    for step in steps:
        *before, last = _parts(step.operation)
        inputs = step.inputs
        for operation in before:
            apart.append(Step(operation, inputs, free))
            inputs, free = (free,), free + 1
        apart.append(Step(last, inputs, step.output))
    return apart


def _parts(operation: Operation) -> list[Operation]:
    """Return the operations that one is made of, in order; see `lowering/fuse.py`."""
    if isinstance(operation, Convolution2D) and operation.normalization is not None:
        convolution, normalization = copy(operation), copy(operation.normalization)
        convolution.normalization, normalization.within_convolution = None, False
        return [convolution, *_parts(normalization)]
    if isinstance(operation, BatchNormalization):
        if operation.within_convolution:
            return [ActivationOperation("linear")]
        normalization = copy(operation)
        normalization.activation = "linear"
        return [normalization, ActivationOperation(operation.activation)]
    return [operation]


class _Folding:
    """The steps folded so far."""

    def __init__(self, steps: Sequence[Step], result: int) -> None:
        self.uses = Counter(slot for step in steps for slot in step.inputs) + Counter([result])
        self.writers: dict[int, Step] = {}
        """Slot -> the step that writes it, in order."""
        self.replaced_by: dict[int, int] = {}
        """Slot of a step that is gone -> the slot that now holds its result."""

    def take(self, step: Step) -> None:
        """Fold the next step into those before, or those before into it, or append it."""
        kind = type(step.operation)
        operation = FOLDED[kind](step.operation) if kind in FOLDED else step.operation
        inputs = tuple(self.replaced_by.get(slot, slot) for slot in step.inputs)
        before = self._only_writer(inputs)
        further = None if before is None else self._only_writer(before.inputs)
        if _takes_over(before, further, operation):
            self.replaced_by[step.output] = inputs[0]
            self.uses[inputs[0]] += self.uses[step.output] - 1
            return
        while before is not None and _takes_in(before.operation, operation):
            del self.writers[before.output]
            inputs = before.inputs
            before = self._only_writer(inputs)
        if type(operation) is Addition:
            operation, inputs = self._added_within(operation, inputs)
        self.writers[step.output] = Step(operation, inputs, step.output)

    def _only_writer(self, inputs: tuple[int, ...]) -> Step | None:
        """Return the step that wrote the only input, if nothing else reads it."""
        return self.writers.get(inputs[0]) if len(inputs) == 1 and self.uses[inputs[0]] == 1 else None

    def _added_within(
        self, addition: Operation, inputs: tuple[int, ...]
    ) -> tuple[Operation, tuple[int, ...]]:
        """Return a sum of two as a convolution that adds one of them, if the other is its result.

        oneDNN cannot do this for convolutions of groups.
        """
        pairs = (inputs, inputs[::-1]) if len(inputs) == 2 else ()
        for other, own in pairs:
            writer = self._only_writer((own,))
            convolution = None if writer is None else writer.operation
            if writer is not None and _is_open(convolution) and convolution.groups == 1:
                del self.writers[own]
                convolution.adds = True
                return convolution, (*writer.inputs, other)
        return addition, inputs


def _is_open(operation: Operation | None) -> TypeGuard[FoldedConvolution]:
    """Return whether an operation is a convolution that can still take a factor or a sum: it does nothing after it."""
    return (
        isinstance(operation, FoldedConvolution) and operation.activation == "linear" and not operation.adds
    )


def _takes_over(before: Step | None, further: Step | None, operation: Operation) -> bool:
    """Return whether the step can be dropped: it does nothing, or earlier steps now do its work."""
    activation = operation.name if type(operation) is ActivationOperation else ""
    if isinstance(operation, Dropout | Augmentation) or activation == "linear":
        return True
    if before is None:
        return False
    writer = before.operation
    if activation and isinstance(writer, FoldedConvolution | FoldedDense) and writer.activation == "linear":
        writer.activation = activation
        return True
    if isinstance(operation, FoldedPooling) and isinstance(writer, FoldedConvolution) and not writer.adds:
        if operation.plain.padding == "valid" and operation.plain.size == operation.plain.strides:
            writer.read_in_windows = operation.plain.size
        return False
    if not _normalizes_channels(operation):
        return False
    pooled = isinstance(writer, FoldedPooling) and not writer.plain.relu
    convolution = further.operation if pooled and further is not None else writer
    if not _is_open(convolution):
        return False
    factor, offset = operation.factor_and_offset()
    if pooled and not bool((factor > 0).all()):
        return False  # the largest of the pooled pixels would become the smallest
    convolution.multiply(factor, offset)
    return True


def _takes_in(before: Operation, operation: Operation) -> bool:
    """Return whether a convolution now does the work of the step before it, on zeros around or on the pixels."""
    if not isinstance(operation, FoldedConvolution):
        return False
    # Pixels that are still to be centered have another value than 0 where zeros were padded.
    takes_padding = operation.margins == NO_MARGINS and not operation.center
    if type(before) is Padding and takes_padding and min(sum(before.sides, ())) >= 0:
        operation.margins = before.sides
        return True
    if type(before) is Rescaling and before.scale:
        operation.rescale_pixels(before.scale, before.offset)
        return True
    return False


def _normalizes_channels(operation: Operation) -> TypeGuard[BatchNormalization]:
    return type(operation) is BatchNormalization and operation.axis in (-1, 3)
