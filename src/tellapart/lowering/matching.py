"""Matching: which operation each call of a model's graph becomes, and which layers must run as themselves."""

from collections.abc import Callable, Sequence
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
from tellapart.lowering.known_functions import name_of_activation
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.merging import TAKE_MIXED_RANKS, MixedRanks
from tellapart.lowering.ops.operands import Place
from tellapart.lowering.ops.operators import lower_operator
from tellapart.lowering.registry import RULES, SIGNATURES


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

    def lower_once(layer: Any) -> Operation | None:
        if id(layer) not in by_layer:
            is_model = isinstance(layer, keras.Model)
            by_layer[id(layer)] = lower_model(layer) if is_model else lower_layer(layer, precision)
        return by_layer[id(layer)]

    for call in graph.calls:
        is_layer = isinstance(call.layer, keras.Layer)
        operation = lower_layer_call(call, lower_once) if is_layer else lower_operator_call(call, precision)
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


def lower_layer_call(call: Call, lower_once: Callable[[Any], Operation | None]) -> Operation | None:
    """Return the operation of one call of a layer; None where it must run as itself.

    Args:
        call: the call.
        lower_once: returns the operation of a layer, the same for each of its calls.
    """
    import keras

    parameters = SIGNATURES.get(type(call.layer).__name__) if is_keras_class(type(call.layer)) else None
    if parameters is not None:
        given = _by_name(call, parameters)
        operation = None if given is None else lower_once(call.layer)
        return None if given is None or operation is None else operation.called_with(*given)
    ranks = {len(tensor.shape) for tensor in call.node.input_tensors}
    if call.plain and len(ranks) > 1 and type(call.layer).__name__ in TAKE_MIXED_RANKS:
        merge = lower_once(call.layer)
        return None if merge is None else MixedRanks(merge)
    is_simple = isinstance(call.layer, keras.Model) or len(call.outputs) == len(ranks) == 1
    return lower_once(call.layer) if call.plain and is_simple else None


def _by_name(call: Call, parameters: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """Return the names of a call's tensors, in the order of its inputs, and its further arguments by name.

    None where it is called by anything but the tensors of `parameters`, in order or by name, and plain values.
    """
    import keras

    args = call.node.arguments.args
    if len(args) > len(parameters):
        return None
    by_name = {**dict(zip(parameters, args, strict=False)), **call.named}
    tensors = {name for name, value in by_name.items() if isinstance(value, keras.KerasTensor)}
    names = [
        value.name
        for value in keras.tree.flatten(
            (
                tuple(_Name(name) for name, _ in zip(parameters, args, strict=False)),
                {name: _Name(name) for name in call.named},
            )
        )
        if value.name in tensors
    ]
    settings = {name: value for name, value in by_name.items() if name not in tensors and value is not None}
    plain = all(isinstance(value, bool) for value in settings.values())
    return (tuple(names), settings) if plain and len(names) == len(call.inputs) else None


@dataclass(frozen=True, slots=True)
class _Name:
    """Stands for an argument, while Keras's order of a call's tensors is found."""

    name: str


def lower_layer(layer: Any, precision: str | None) -> Operation | None:
    """Return the operation of one layer that is not a model; None where it must run as itself."""
    import keras

    if not isinstance(layer, keras.Layer):
        return None
    kind = type(layer)
    extras = any(_has_extras(part) for part in nested_layers(layer))
    if extras or kind.__name__ not in RULES:
        return None
    config = _config_of(layer)
    if config is None:
        return None
    dtype = PRECISIONS.get(precision or layer.compute_dtype)
    if dtype is None or not has_float32_weights(layer):
        return None
    weights = [variable.value for variable in layer.weights]
    operation = RULES[kind.__name__](config, weights, dtype)
    if operation is not None:
        operation.belongs_to(layer)
    return operation


def lower_operator_call(call: Call, precision: str | None) -> Operation | None:
    """Return the operation of an operator such as `x + y`, which is not a layer; None: it runs as itself."""
    import keras

    kind = type(call.layer)
    if call.arguments is None or not is_keras_operator(kind):
        return None
    if not is_as_keras_made_it(call.layer):
        return None

    def placed(value: Any) -> Any:
        return Place(tuple(value.shape), value.dtype) if isinstance(value, keras.KerasTensor) else value

    arguments = keras.tree.map_structure(placed, call.arguments)
    dtype = None if precision is None else PRECISIONS[precision]
    return lower_operator(kind.__name__, arguments, vars(call.layer), dtype)


def _has_extras(layer: Any) -> bool:
    """Return whether a layer does more than its config and weights say, or has other weights than those."""
    return (
        not is_as_keras_made_it(layer)
        or getattr(layer, "activity_regularizer", None) is not None
        or getattr(layer, "lora_enabled", False)
        or getattr(layer, "quantization_mode", None) is not None
    )


def _config_of(layer: Any) -> dict[str, Any] | None:
    """Return a layer's config with the name of its activation in `ACTIVATIONS`; None where it has another.

    Keras can write down functions of its own, but no partial ones, so the activation is out of the way meanwhile.
    """
    import keras

    activation = getattr(layer, "activation", None)
    if activation is None:
        return layer.get_config()
    name = name_of_activation(activation)
    if name is None:
        return None
    vars(layer)["activation"] = keras.activations.linear
    try:
        return layer.get_config() | {"activation": name}
    finally:
        vars(layer)["activation"] = activation
