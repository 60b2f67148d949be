"""Matching: which operation each call of a model's graph becomes, and which layers must run as themselves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from tellapart.keras_internals import (
    is_as_keras_made_it,
    is_keras_class,
    is_keras_operator,
    nested_layers,
)
from tellapart.lowering.dtypes import PRECISIONS, has_float32_weights, layer_input_dtype
from tellapart.lowering.graph import Call, Graph
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.operators import TENSOR, lower_operator
from tellapart.lowering.registry import RULES, SEPARATE_TENSORS


@dataclass(frozen=True, slots=True)
class Matches:
    """The operations of a graph's calls."""

    operations: list[Operation] = field(default_factory=list)
    """Each once, in the order of its first call; a layer called twice is one operation."""

    positions: dict[int, int] = field(default_factory=dict)
    """id of a call's node -> index in `operations`; without an entry, the layer runs as itself."""

    casts: dict[int, torch.dtype] = field(default_factory=dict)
    """id of a call's node -> the dtype that floating-point inputs are cast to first."""


def match(graph: Graph, precision: str | None, lower_model: Callable[[Any], Operation | None]) -> Matches:
    """Choose the operation of each call.

    Args:
        graph: the calls, in order.
        precision: the precision to lower in; None: each layer's own.
        lower_model: returns the operation of a nested model, or None where it must run as itself.
    """
    import keras

    matches = Matches()
    by_layer: dict[int, Operation | None] = {}
    index_of: dict[int, int] = {}
    for call in filter(is_callable_on_tensors, graph.calls):
        layer = call.layer
        if id(layer) not in by_layer:
            is_model = isinstance(layer, keras.Model)
            by_layer[id(layer)] = lower_model(layer) if is_model else lower_layer(layer, precision)
        operation = by_layer[id(layer)] or lower_operator_call(call)
        if operation is None:
            continue
        if id(operation) not in index_of:
            index_of[id(operation)] = len(matches.operations)
            matches.operations.append(operation)
        matches.positions[id(call.node)] = index_of[id(operation)]
        dtype = layer_input_dtype(call) if precision is None else None
        if dtype is not None:
            matches.casts[id(call.node)] = dtype
    return matches


def lower_layer(layer: Any, precision: str | None) -> Operation | None:
    """Return the operation of one layer that is not a model; None where it must run as itself."""
    import keras

    if not isinstance(layer, keras.Layer):
        return None
    kind = type(layer)
    extras = any(_has_extras(part) for part in nested_layers(layer))
    if extras or kind.__name__ not in RULES or not _has_keras_activation(layer):
        return None
    dtype = PRECISIONS.get(precision or layer.compute_dtype)
    if dtype is None or not has_float32_weights(layer):
        return None
    weights = [variable.value for variable in layer.weights]
    return RULES[kind.__name__](layer.get_config(), weights, dtype)


def lower_operator_call(call: Call) -> Operation | None:
    """Return the operation of an operator such as `x + y`, which is not a layer; None: it runs as itself."""
    import keras

    kind = type(call.layer)
    floating = all("float" in tensor.dtype for tensor in call.node.input_tensors)
    if call.arguments is None or not floating or not is_keras_operator(kind):
        return None
    if not is_as_keras_made_it(call.layer):
        return None
    arguments = [TENSOR if isinstance(value, keras.KerasTensor) else value for value in call.arguments]
    return lower_operator(kind.__name__, arguments, vars(call.layer))


def is_callable_on_tensors(call: Call) -> bool:
    """Return whether a call is `operation(*tensors)` with tensors of one rank and one result."""
    import keras

    ranks = {len(tensor.shape) for tensor in call.node.input_tensors}
    separate = call.arguments is not None and (
        not isinstance(call.layer, keras.Layer) or _takes_separate_tensors(call)
    )
    return (call.plain or separate) and len(call.outputs) == 1 and len(ranks) == 1


def _has_extras(layer: Any) -> bool:
    """Return whether a layer does more than its config and weights say, or has other weights than those."""
    return (
        not is_as_keras_made_it(layer)
        or getattr(layer, "activity_regularizer", None) is not None
        or getattr(layer, "lora_enabled", False)
        or getattr(layer, "quantization_mode", None) is not None
    )


def _has_keras_activation(layer: Any) -> bool:
    """Return whether a layer's activation, if any, is Keras's own function and not another of the same name."""
    import keras

    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "")
    return activation is None or activation is getattr(keras.activations, name, None)


def _takes_separate_tensors(call: Call) -> bool:
    is_listed = is_keras_class(type(call.layer)) and type(call.layer).__name__ in SEPARATE_TENSORS
    return is_listed and call.arguments is not None and len(call.arguments) == len(call.inputs) <= 3
