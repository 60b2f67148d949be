"""Keras's draws: a net whose random layers draw the numbers that the Keras model's would.

`tellapart.fit` trains such a net, so that the masks, the order of the images and the layers' own seeds are Keras's.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import passes_training_on, random_layer_in, standardized_inputs
from tellapart.lowering.graph import Call
from tellapart.lowering.net import LoweredNet, Nested
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.dropout import Dropout, RandomOperation
from tellapart.lowering.torch_masks import order_of

IMAGES = 2
"""How many images show how feature maps lie in memory; the axis of a single one could lie anywhere."""


def draw_as_keras(net: LoweredNet, inputs: Any) -> None:
    """Make each random layer of a net draw what Keras would draw, until the net is lowered anew.

    Args:
        net: a lowered net.
        inputs: a batch as the Keras model takes it.
    """
    for call, operation in _lowered_calls(net):
        for part in operation.modules():
            if isinstance(part, RandomOperation):
                part.draw_as(random_layer_in(call.layer))
    if net.device.type == "cpu" and _depends_on_memory(net):
        assert net.graph is not None
        tensors = [tensor[:IMAGES] for tensor in standardized_inputs(net.graph.functional, inputs)]
        with torch.no_grad():
            _find_orders(net, tensors)


def _lowered_calls(net: LoweredNet) -> Iterator[tuple[Call, Operation]]:
    for call in () if net.graph is None else net.graph.calls:
        operation = net.operation_of(call)
        if isinstance(operation, Nested):
            yield from _lowered_calls(operation.net)
        elif operation is not None:
            yield call, operation


def _depends_on_memory(net: LoweredNet) -> bool:
    return any(
        isinstance(operation, Dropout) and operation.as_torch and len(call.node.input_tensors[0].shape) > 2
        for call, operation in _lowered_calls(net)
    )


def _find_orders(net: LoweredNet, inputs: list[Tensor]) -> list[Tensor]:
    """Run the Keras layers of a net as in prediction, to see how the inputs of its dropout layers lie in memory.

    A layer without an operation may do anything when it is called, so it is not; its outputs are assumed to lie
    as their axes come.

    Returns:
        The model's outputs.
    """
    import keras

    assert net.graph is not None
    values = dict(zip(net.graph.inputs, inputs, strict=True))
    for call in net.graph.calls:
        operation, tensors = net.operation_of(call), [values[slot] for slot in call.inputs]
        if operation is None:
            results = [_zeros_like(symbol, len(tensors[0])) for symbol in call.node.outputs]
        elif isinstance(operation, Nested):
            results = _find_orders(operation.net, tensors)
        else:
            if isinstance(operation, Dropout):
                operation.order = order_of(tensors[0])
            symbols = map(id, call.node.input_tensors)
            args, kwargs = call.node.arguments.fill_in(dict(zip(symbols, tensors, strict=True)))
            kwargs = {**kwargs, "training": False} if passes_training_on(call.layer) else kwargs
            results = keras.tree.flatten(call.layer(*args, **kwargs))
        values.update(zip(call.outputs, results, strict=True))
    return [values[slot] for slot in net.graph.outputs]


def _zeros_like(symbol: Any, images: int) -> Tensor:
    """Return zeros of a symbolic tensor's shape; an axis of unknown length gets the length 1."""
    sizes = [images, *(1 if size is None else size for size in symbol.shape[1:])]
    return torch.zeros(sizes, dtype=getattr(torch, symbol.dtype))
