"""Fuse: neighboring operations joined where the result is the same and fewer feature maps are written.

Nothing here changes a value: a maximum of ReLUs is the ReLU of the maximum, bit for bit, gradients
included, on a quarter of the pixels; and a convolution may cut off below zero itself.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tellapart.lowering.graph import Call, Graph
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.lowering.ops.pooling import MaxPooling2D

OperationOf = Callable[[Call], Operation | None]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two calls, the second the only reader of the first, each the only call of its operation."""

    first: Operation
    second: Operation


def fuse(graph: Graph, operation_of: OperationOf) -> None:
    """Join what can be joined, in place.

    Args:
        graph: the calls, in order.
        operation_of: what each became, None where a layer runs as itself.
    """
    for pair in _pairs(graph, operation_of):
        _relu_after_pooling(pair)
    for pair in _pairs(graph, operation_of):
        _relu_within_convolution(pair)


def _pairs(graph: Graph, operation_of: OperationOf) -> list[_Pair]:
    called = Counter(id(operation_of(call)) for call in graph.calls)
    writers = {call.outputs[0]: operation_of(call) for call in graph.calls if len(call.outputs) == 1}
    pairs = []
    for call in graph.calls:
        second = operation_of(call)
        first = writers.get(call.inputs[0]) if len(call.inputs) == 1 else None
        alone = graph.uses[call.inputs[0]] == 1 and called[id(first)] == called[id(second)] == 1
        if first is not None and second is not None and alone:
            pairs.append(_Pair(first, second))
    return pairs


def _relu_after_pooling(pair: _Pair) -> None:
    relu, pooling = pair.first, pair.second
    if not isinstance(pooling, MaxPooling2D):
        return
    if isinstance(relu, ActivationOperation) and relu.name == "relu":
        relu.name, pooling.relu = "linear", True
    elif isinstance(relu, Convolution2D) and relu.activation == "relu":
        relu.activation, relu.overwritable, pooling.relu = "linear", True, True


def _relu_within_convolution(pair: _Pair) -> None:
    convolution, relu = pair.first, pair.second
    low = isinstance(convolution, Convolution2D) and convolution.dtype == torch.bfloat16
    if low and isinstance(relu, ActivationOperation) and relu.name == "relu":
        assert isinstance(convolution, Convolution2D)
        if convolution.activation == "linear":
            relu.name, convolution.activation, convolution.overwritable = "linear", "relu", False
