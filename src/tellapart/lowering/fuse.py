"""Fuse: neighboring operations that become one, or share memory, so that fewer feature maps are written.

Nothing here changes a value. A maximum of ReLUs is the ReLU of the maximum, bit for bit, gradients
included, on a quarter of the pixels; a convolution may apply ReLU itself, and a batch normalization some
activations, while their input is in the cache; a convolution normalizes its result itself, so that it can fold a
normalization that is fixed; and an activation may write over its input.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tellapart.lowering.graph import Call, Graph
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.batch_statistics import ACTIVATIONS
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.lowering.ops.pooling import MaxPooling2D

OperationOf = Callable[[Call], Operation | None]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two operations called once each, the second the only reader of the first one's output."""

    first: Operation
    second: Operation

    compute_alike: bool
    """Whether both layers compute in one dtype."""


def fuse(graph: Graph, operation_of: OperationOf) -> None:
    """Fuse neighboring operations, in place.

    Args:
        graph: the calls, in order.
        operation_of: returns the operation of a call; None where its layer runs as itself.
    """
    for pair in _pairs(graph, operation_of):
        _relu_after_pooling(pair)
    for pair in _pairs(graph, operation_of):
        _relu_into_convolution(pair)
        _activation_into_normalization(pair)
    for pair in _pairs(graph, operation_of):
        _normalization_into_convolution(pair)
    _let_activations_overwrite(graph, operation_of)


def _pairs(graph: Graph, operation_of: OperationOf) -> list[_Pair]:
    called = Counter(id(operation_of(call)) for call in graph.calls)
    writers = {call.outputs[0]: call for call in graph.calls if len(call.outputs) == 1}
    pairs = []
    for call in graph.calls:
        second, writer = operation_of(call), writers.get(call.inputs[0]) if len(call.inputs) == 1 else None
        first = None if writer is None else operation_of(writer)
        exclusive = graph.uses[call.inputs[0]] == 1 and called[id(first)] == called[id(second)] == 1
        if writer is not None and first is not None and second is not None and exclusive:
            pairs.append(_Pair(first, second, _compute_dtype(writer) == _compute_dtype(call)))
    return pairs


def _compute_dtype(call: Call) -> str | None:
    """Return the dtype that a layer computes in; None of an operator, which takes its inputs'."""
    return getattr(call.layer, "compute_dtype", None)


def _relu_after_pooling(pair: _Pair) -> None:
    relu, pooling = pair.first, pair.second
    if not isinstance(pooling, MaxPooling2D):
        return
    if isinstance(relu, ActivationOperation) and relu.name == "relu":
        relu.name, pooling.relu = "linear", True
    elif isinstance(relu, Convolution2D) and relu.activation == "relu":
        relu.activation, relu.overwritable, pooling.relu = "linear", True, True


def _relu_into_convolution(pair: _Pair) -> None:
    convolution, relu = pair.first, pair.second
    if not isinstance(convolution, Convolution2D) or convolution.dtype != torch.bfloat16:
        return
    if convolution.activation != "linear":
        return
    if isinstance(relu, ActivationOperation) and relu.name == "relu":
        relu.name, convolution.activation, convolution.overwritable = "linear", "relu", False


def _activation_into_normalization(pair: _Pair) -> None:
    normalization, activation = pair.first, pair.second
    if not isinstance(normalization, BatchNormalization) or normalization.activation != "linear":
        return
    if not pair.compute_alike:
        return
    if type(activation) is ActivationOperation and activation.name in ACTIVATIONS:
        activation.name, normalization.activation = "linear", activation.name
        normalization.overwritable = not ACTIVATIONS[normalization.activation].from_result


def _normalization_into_convolution(pair: _Pair) -> None:
    convolution, normalization = pair.first, pair.second
    if not isinstance(convolution, Convolution2D) or not isinstance(normalization, BatchNormalization):
        return
    in_float16 = convolution.dtype == torch.float16  # which oneDNN has on few processors
    if (
        not in_float16
        and pair.compute_alike
        and convolution.activation == "linear"
        and normalization.axis in (-1, 3)
    ):
        convolution.normalize_by(normalization)


def _let_activations_overwrite(graph: Graph, operation_of: OperationOf) -> None:
    """Let an activation layer write over its input where nothing else needs it, forward or backward."""
    calls_of = Counter(id(call.layer) for call in graph.calls)
    writers = {call.outputs[0]: operation_of(call) for call in graph.calls}
    for call in graph.calls:
        operation = operation_of(call)
        if isinstance(operation, ActivationOperation) and calls_of[id(call.layer)] == 1:
            writer, uses = writers.get(call.inputs[0]), graph.uses[call.inputs[0]]
            operation.overwrites = writer is not None and writer.overwritable and uses == 1
