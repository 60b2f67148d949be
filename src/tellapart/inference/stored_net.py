"""Stored nets: a network lowered from its description and its weights, without Keras, for inference in float32."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.registry import RULES
from tellapart.models.layer_list import LayerList


class StoredStep(NamedTuple):
    """One operation, the slots of the tensors that it reads, and the slot of the one that it writes."""

    operation: Operation
    inputs: tuple[int, ...]
    output: int
    weights: tuple[Tensor, ...]
    """Of the Keras layer, in its order; the operation computes with these very tensors."""


class StoredNet(nn.Module):
    """A network whose weights never change."""

    def __init__(
        self,
        steps: Sequence[StoredStep],
        entry: int,
        result: int,
        last_activation: str,
        image_shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.operations = nn.ModuleList([step.operation for step in steps])
        self.entry, self.result = entry, result
        """The slots of the images and of the outputs."""
        self.last_activation = last_activation
        """Keras's name of the activation applied to the outputs."""
        self.image_shape = image_shape
        """(H, W, C) of the images that it reads, where that is known."""

    def weights(self) -> Iterator[Tensor]:
        """Yield the weights, in the order of Keras's `get_weights`."""
        for step in self.steps:
            yield from step.weights

    def forward(self, images: Tensor, *, training: bool = False) -> Tensor:
        """Run the network: (B, H, W, C) pixels 0-255 -> (B, classes).

        Raises:
            ValueError: `training` is True, which a stored net does not support.
        """
        if training:
            raise ValueError("A stored net is for inference only; load the Keras model to train it.")
        return self.run(images)

    def run(self, images: Tensor, check: Callable[[Tensor], None] = lambda _: None) -> Tensor:
        """Run the network as `forward` does, and call `check` with the output of each step."""
        values = {self.entry: to_torch(images.float())}
        for step in self.steps:
            values[step.output] = step.operation(*[values[slot] for slot in step.inputs], training=False)
            check(values[step.output])
        return to_keras(values[self.result])


def stored_net_of(network: LayerList, weights: Sequence[Sequence[Tensor]]) -> StoredNet:
    """Lower a list of layers.

    Args:
        network: every layer of a kind that has a rule.
        weights: of each layer, in Keras's shapes and order.
    """
    steps = []
    for number, (layer, tensors) in enumerate(zip(network.layers, weights, strict=True), start=1):
        operation = RULES[layer.kind](layer.config, tensors, torch.float32)
        assert operation is not None, layer
        steps.append(StoredStep(operation, layer.inputs, number, tuple(tensors)))
    last = network.layers[-1]
    return StoredNet(steps, 0, len(steps), last.config.get("activation", last.kind.lower()))
