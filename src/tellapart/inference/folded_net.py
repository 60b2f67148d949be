"""Inference: the form of a lowered net in which it only answers.

Its operations are folded (folding.py), its weights cast once, and several threads may ask at once.
Pictures go through the convolutions a few at a time, while their feature maps stay in a core's cache,
and through the dense layers all together, whose many weights are then read once.

It computes with the weights as they were when it was built: a net that still learns needs a new one
for each question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tellapart.inference.fold import FoldedConvolution, FoldedDense, Step, fold
from tellapart.inference.keras_file import StoredNet
from tellapart.lowering.dtypes import PRECISIONS
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.net import LoweredNet

PIXELS_AT_ONCE = 64 * 32 * 32
"""Through the convolutions. Measured: half and twice as many are as fast, 8 or 250 pictures slower."""

FEWEST_AT_ONCE, MOST_AT_ONCE = 4, 64
"""Pictures, whatever their size."""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A net as plain steps, from one slot to another."""

    steps: Sequence[Step]
    entry: int
    result: int
    input_dtype: torch.dtype
    """What the first operations are given."""


class InferenceNet:
    """Folded steps, from pixels to what the net answers."""

    def __init__(self, net: Unfolded, precision: str) -> None:
        steps, self.result = fold(net.steps, net.result)
        products = [
            step.operation for step in steps if isinstance(step.operation, FoldedConvolution | FoldedDense)
        ]
        for product in products:
            last = product is products[-1] and isinstance(product, FoldedDense)
            product.make_ready_for(torch.float32 if last else PRECISIONS[precision])  # the last costs little
        readers = [step.operation for step in steps if net.entry in step.inputs]
        casts = net.input_dtype == torch.float32 and all(isinstance(r, FoldedConvolution) for r in readers)
        self.input_dtype = None if casts else net.input_dtype
        cut = _where_dense_begins(steps)
        self.entry = net.entry
        self.middle = steps[cut].inputs[0] if cut < len(steps) else self.result
        self.body, self.head = steps[:cut], steps[cut:]

    def __call__(self, images: Tensor, *, training: bool = False) -> Tensor:
        """Answer: (B, H, W, C) pixels 0-255 -> (B, outputs).

        Raises:
            ValueError: asked to run as in training.
        """
        if training:
            raise ValueError("This form of a net is for inference.")
        parts = self._bodies(images)
        features = parts[0] if len(parts) == 1 else torch.cat(parts)
        return to_keras(_run(self.head, {self.middle: features}, self.result))

    @property
    def has_features(self) -> bool:
        """Whether there is a last dense layer, whose input they are."""
        return self._last_dense is not None

    def features(self, images: Tensor) -> Tensor:
        """What the last dense layer is given: (B, H, W, C) pixels 0-255 -> (B, features).

        Raises:
            ValueError: there is no dense layer behind everything else.
        """
        return to_keras(self._features(images))

    def features_and_answers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the last dense layer is given, and what the net answers: (B, features) and (B, outputs).

        Raises:
            ValueError: there is no dense layer behind everything else.
        """
        features = self._features(images)
        rest = self.head[self._last_dense :]
        return to_keras(features), to_keras(_run(rest, {rest[0].inputs[0]: features}, self.result))

    def _features(self, images: Tensor) -> Tensor:
        if self._last_dense is None:
            raise ValueError("The net has no dense layer behind everything else.")
        before = self.head[: self._last_dense]
        wanted = self.head[self._last_dense].inputs[0]
        found = [_run(before, {self.middle: part}, wanted) for part in self._bodies(images)]
        return torch.cat(found)

    @property
    def _last_dense(self) -> int | None:
        """Its place in the head."""
        places = [i for i, step in enumerate(self.head) if isinstance(step.operation, FoldedDense)]
        return places[-1] if places else None

    def _bodies(self, images: Tensor) -> list[Tensor]:
        """The pictures through the convolutions, a few at a time."""
        pixels = images.shape[1] * images.shape[2]
        count = min(max(PIXELS_AT_ONCE // pixels, FEWEST_AT_ONCE), MOST_AT_ONCE)
        return [self._body(part) for part in images.tensor_split(max(1, -(-len(images) // count)))]

    def _body(self, images: Tensor) -> Tensor:
        x = to_torch(images if self.input_dtype is None else images.to(self.input_dtype))
        return _run(self.body, {self.entry: x}, self.middle)


def inference_net(net: LoweredNet | StoredNet, precision: str = "float32") -> InferenceNet | None:
    """The form of a net in which it only answers, or None where it has none and must run as it is.

    That is where the weights are not on a CPU, where some layer runs as itself, and where the model
    takes or gives several tensors.

    Args:
        net: lowered to float32.
        precision: "float32" or "bfloat16", for convolutions and dense layers.
    """
    unfolded = _unfolded_stored(net) if isinstance(net, StoredNet) else _unfolded(net)
    return None if unfolded is None else InferenceNet(unfolded, precision)


def _unfolded_stored(net: StoredNet) -> Unfolded:
    steps = [Step(operation, (slot,), slot + 1) for slot, operation in enumerate(net.operations)]  # type: ignore[arg-type]
    return Unfolded(steps, 0, len(steps), torch.float32)


def _unfolded(net: LoweredNet) -> Unfolded | None:
    graph = net.graph
    if graph is None or net.device.type != "cpu" or net.keeps_layer_losses():
        return None
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    steps = [Step(net.operation_of(call), call.inputs, call.outputs[0]) for call in graph.calls]  # type: ignore[arg-type]
    return Unfolded(steps, graph.inputs[0], graph.outputs[0], net.input_dtypes[0])


def _where_dense_begins(steps: Sequence[Step]) -> int:
    """The first dense layer from which on nothing but its own input is read; the number of steps if there is none."""
    for index, step in enumerate(steps):
        if isinstance(step.operation, FoldedDense):
            written = {later.output for later in steps[index:]} | {step.inputs[0]}
            if all(slot in written for later in steps[index:] for slot in later.inputs):
                return index
    return len(steps)


def _run(steps: Sequence[Step], values: dict[int, Tensor], result: int) -> Tensor:
    last_reader = {slot: step.output for step in steps for slot in step.inputs}
    for step in steps:
        values[step.output] = step.operation(*[values[slot] for slot in step.inputs], training=False)
        for slot in set(step.inputs):
            if last_reader[slot] == step.output and slot != result:
                del values[slot]
    return values[result]
