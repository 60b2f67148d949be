"""Folded nets: the form of a lowered net for inference only.

Its operations are folded (`fold.py`) and its weights cast once; several threads may call it at the same time.
Images pass through the convolutions a few at a time, so that their feature maps stay in a core's cache
(`stages.py`), and through the dense layers all together, whose many weights are then read once.

It uses the weights as they were when it was built: a net that is still being trained needs a new one for
each prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tellapart.inference.fold import FoldedDense, Step, fold
from tellapart.inference.folded_convolution import FoldedConvolution
from tellapart.inference.stages import MOST_AT_ONCE, Stage, in_stages, measured, run, through
from tellapart.inference.stored_net import StoredNet
from tellapart.lowering.dtypes import PRECISIONS
from tellapart.lowering.graph import Call
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.net import LoweredNet
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.augmentation import Augmentation
from tellapart.lowering.ops.base import FunctionOperation, Operation, as_list
from tellapart.lowering.ops.normalization import BatchNormalization

ONLY_IN_TRAINING = (BatchNormalization, Augmentation)
"""Operations that let the images of a batch touch in training alone."""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A net as unfolded steps, from an input slot to a result slot."""

    steps: Sequence[Step]
    entry: int
    result: int
    input_dtype: torch.dtype
    """Type of the input of the first operations."""


class InferenceNet:
    """A folded net, from pixels to outputs."""

    def __init__(self, net: Unfolded, precision: str, activated: bool = True) -> None:
        steps, self.result = fold(net.steps, net.result)
        if not activated:
            _leave_out_last_activation(steps, self.result)
        products = [
            step.operation for step in steps if isinstance(step.operation, FoldedConvolution | FoldedDense)
        ]
        exact = _in_float32(products)
        for number, product in enumerate(products):
            product.cast_to(torch.float32 if number in exact else PRECISIONS[precision])
        readers = [step.operation for step in steps if net.entry in step.inputs]
        casts = net.input_dtype == torch.float32 and all(isinstance(r, FoldedConvolution) for r in readers)
        self.input_dtype = None if casts else net.input_dtype
        cut = _where_dense_begins(steps)
        self.entry = net.entry
        self.middle = steps[cut].inputs[0] if cut < len(steps) else self.result
        self.body, self.head = steps[:cut], steps[cut:]
        self._stages: dict[tuple[int, ...], list[Stage]] = {}
        """Of the body, for each size of images (H, W, C)."""

    def __call__(self, images: Tensor, *, training: bool = False) -> Tensor:
        """Return the outputs: (B, H, W, C) pixels 0-255 -> (B, outputs).

        Raises:
            ValueError: `training` is True.
        """
        if training:
            raise ValueError("A folded net is for inference only; call the lowered net to train it.")
        parts = self._bodies(images)
        features = parts[0] if len(parts) == 1 else torch.cat(parts)
        return to_keras(run(self.head, {self.middle: features}, self.result))

    @property
    def has_features(self) -> bool:
        """Whether the net has features: the inputs of its last dense layer."""
        return self._last_dense is not None

    def features(self, images: Tensor) -> Tensor:
        """Return the inputs of the last dense layer: (B, H, W, C) pixels 0-255 -> (B, features).

        Raises:
            ValueError: the net does not end in dense layers.
        """
        return to_keras(self._features(images))

    def features_and_outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of the last dense layer and the outputs: (B, features) and (B, outputs).

        Raises:
            ValueError: the net does not end in dense layers.
        """
        features = self._features(images)
        rest = self.head[self._last_dense :]
        return to_keras(features), to_keras(run(rest, {rest[0].inputs[0]: features}, self.result))

    @property
    def has_logits(self) -> bool:
        """Whether what goes into the last activation can be seen."""
        last = self.head[-1].operation if self.head else None
        return self.has_features and isinstance(last, FoldedDense | ActivationOperation)

    def features_logits_and_outputs(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of the last dense layer, those of the last activation, and the outputs, from one run.

        Returns:
            (B, features), (B, outputs) and (B, outputs). Without an activation that can be seen (`has_logits`), the
            second are the outputs.

        Raises:
            ValueError: the net does not end in dense layers.
        """
        features = self._features(images)
        *before, last = rest = self.head[self._last_dense :]
        values, operation = {rest[0].inputs[0]: features}, last.operation
        if isinstance(operation, FoldedDense):
            logits = operation.before_activation(features)
            output = activate_over(operation.activation, logits.clone())
        elif isinstance(operation, ActivationOperation):
            logits = run(before, values, last.inputs[0])
            output = operation(logits.clone(), training=False)
        else:
            logits = output = run(rest, values, self.result)
        return to_keras(features), to_keras(logits), to_keras(output)

    def _features(self, images: Tensor) -> Tensor:
        if self._last_dense is None:
            raise ValueError("The net does not end in dense layers, so it has no features.")
        before = self.head[: self._last_dense]
        slot = self.head[self._last_dense].inputs[0]
        return torch.cat([run(before, {self.middle: part}, slot) for part in self._bodies(images)])

    @property
    def _last_dense(self) -> int | None:
        """Index of the last dense layer in the head; None where what follows reads more than its input."""
        places = [i for i, step in enumerate(self.head) if isinstance(step.operation, FoldedDense)]
        if not places:
            return None
        rest = self.head[places[-1] :]
        known = {rest[0].inputs[0]} | {step.output for step in rest}
        return places[-1] if all(slot in known for step in rest for slot in step.inputs) else None

    def _bodies(self, images: Tensor) -> list[Tensor]:
        """Pass the images through the convolutions, a few at a time."""
        if len(images) == 1:
            return [run(self.body, {self.entry: self._entered(images)}, self.middle)]
        stages = self._stages_for(images)
        at_once = stages[-1].images if stages else MOST_AT_ONCE
        return [through(stages, self._entered(part)) for part in images.split(at_once)]

    def _stages_for(self, images: Tensor) -> list[Stage]:
        size = tuple(images.shape[1:])
        if size not in self._stages:
            sizes = measured(self.body, self._entered(images[:1]), self.entry)
            self._stages[size] = in_stages(self.body, self.entry, self.middle, sizes)
        return self._stages[size]

    def _entered(self, images: Tensor) -> Tensor:
        return to_torch(images if self.input_dtype is None else images.to(self.input_dtype))


def inference_net(
    net: LoweredNet | StoredNet, precision: str = "float32", until: int | None = None, activated: bool = True
) -> InferenceNet | None:
    """Return the folded form of a net, or None if it has none and must run unfolded.

    It has none if its weights are not on a CPU, if Keras runs one of its layers, if one lets the images of a batch
    touch in inference, or if the model has several inputs or outputs.

    Args:
        net: lowered to float32.
        precision: "float32" or "bfloat16", for convolutions and dense layers.
        until: slot of the tensor to return. Default: the outputs.
        activated: whether a last dense layer applies its activation; without it, it returns logits.
    """
    unfolded = _unfolded_stored(net) if isinstance(net, StoredNet) else _unfolded(net)
    if unfolded is None or _lets_images_touch(net):
        return None
    return InferenceNet(unfolded if until is None else _ending_at(until, unfolded), precision, activated)


def _lets_images_touch(net: LoweredNet | StoredNet) -> bool:
    """Return whether images cannot pass through a few at a time."""
    return any(
        isinstance(part, Operation) and part.couples_images and not isinstance(part, ONLY_IN_TRAINING)
        for part in net.modules()
    )


def _ending_at(slot: int, net: Unfolded) -> Unfolded:
    """Return the steps that one tensor depends on."""
    needed, steps = {slot}, []
    for step in reversed(net.steps):
        if step.output in needed:
            needed |= set(step.inputs)
            steps.append(step)
    return Unfolded(steps[::-1], net.entry, slot, net.input_dtype)


def _unfolded_stored(net: StoredNet) -> Unfolded:
    steps = [Step(step.operation, step.inputs, step.output) for step in net.steps]
    return Unfolded(steps, net.entry, net.result, torch.float32)


def _unfolded(net: LoweredNet) -> Unfolded | None:
    graph = net.graph
    if graph is None or net.device.type != "cpu" or net.keeps_layer_losses():
        return None
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    if any(
        len(call.outputs) > 1 and not isinstance(net.operation_of(call), FunctionOperation)
        for call in graph.calls
    ):
        return None  # a nested model would run once for each of its results
    steps = [step for call in graph.calls for step in _steps_of(call, net.operation_of(call))]
    return Unfolded(steps, graph.inputs[0], graph.outputs[0], net.input_dtypes[0])


def _steps_of(call: Call, operation: Operation | None) -> list[Step]:
    """Return a call as steps, one for each of its results."""
    assert operation is not None
    if len(call.outputs) == 1:
        return [Step(operation, call.inputs, call.outputs[0])]
    return [Step(PartOf(operation, part), call.inputs, slot) for part, slot in enumerate(call.outputs)]


class PartOf(Operation):
    """One of the results of an operation that has several, such as a split, whose results are views."""

    def __init__(self, operation: Operation, part: int) -> None:
        super().__init__()
        self.operation, self.part = operation, part

    def forward(self, *inputs: Tensor, training: bool) -> Tensor:
        return as_list(self.operation(*inputs, training=training))[self.part]


def _leave_out_last_activation(steps: Sequence[Step], result: int) -> None:
    for step in steps:
        if step.output == result and isinstance(step.operation, FoldedDense):
            step.operation.activation = "linear"


def _in_float32(products: Sequence[FoldedConvolution | FoldedDense]) -> set[int]:
    """Return the numbers of the products that compute in float32 in every precision.

    These are a dense layer at the end, which costs little; and where a depthwise convolution is among the first
    three, all up to the one after it: they have few channels, so their rounding is not averaged away. In
    EfficientNet-Lite0 they make 60% of the error of bfloat16, in a tenth of the time.
    """
    numbers = {len(products) - 1} if products and isinstance(products[-1], FoldedDense) else set()
    for number, product in enumerate(products[:3]):
        if isinstance(product, FoldedConvolution) and product.is_depthwise:
            return numbers | set(range(number + 2))
    return numbers


def _where_dense_begins(steps: Sequence[Step]) -> int:
    """Return the index of the first dense layer after which only its input is read, or the number of steps if none."""
    for index, step in enumerate(steps):
        if isinstance(step.operation, FoldedDense):
            written = {later.output for later in steps[index:]} | {step.inputs[0]}
            if all(slot in written for later in steps[index:] for slot in later.inputs):
                return index
    return len(steps)
