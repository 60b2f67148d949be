"""Choosing: which operation a call of a model's graph becomes, and which layers must run as themselves."""

from typing import Any

from tellapart.keras_internals import is_keras_class, is_keras_operator, nested_layers
from tellapart.lowering.dtypes import PRECISIONS, has_float32_weights
from tellapart.lowering.graph import Call
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.operators import TENSOR, lower_operator
from tellapart.lowering.registry import ONE_BY_ONE, RULES


def lower_layer(layer: Any, precision: str | None) -> Operation | None:
    """The operation of one layer that is no model; None where it must run as itself."""
    import keras

    if not isinstance(layer, keras.Layer):
        return None
    kind = type(layer)
    extras = any(_has_extras(part) for part in nested_layers(layer))
    if extras or not is_keras_class(kind) or kind.__name__ not in RULES or not _known_activation(layer):
        return None
    dtype = PRECISIONS.get(precision or layer.compute_dtype)
    if dtype is None or not has_float32_weights(layer):
        return None
    weights = [variable.value for variable in layer.weights]
    return RULES[kind.__name__](layer.get_config(), weights, dtype)


def lower_operator_call(call: Call) -> Operation | None:
    """The operation of an operator such as `x + y`, which is no layer; None where it must run as itself."""
    import keras

    kind = type(call.layer)
    floating = all("float" in tensor.dtype for tensor in call.node.input_tensors)
    if call.arguments is None or not floating or not is_keras_operator(kind):
        return None
    arguments = [TENSOR if isinstance(value, keras.KerasTensor) else value for value in call.arguments]
    return lower_operator(kind.__name__, arguments, vars(call.layer))


def _has_extras(layer: Any) -> bool:
    """Whether a layer does more than its config and weights say, or has other weights than those."""
    return (
        getattr(layer, "activity_regularizer", None) is not None
        or getattr(layer, "lora_enabled", False)
        or getattr(layer, "quantization_mode", None) is not None
    )


def _known_activation(layer: Any) -> bool:
    """Whether the layer's activation, where it has one, is Keras's own function, not one of the same name."""
    import keras

    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "")
    return activation is None or activation is getattr(keras.activations, name, None)


def is_callable_on_tensors(call: Call) -> bool:
    """Whether the call is `operation(*tensors)` with tensors of one rank and one result."""
    import keras

    ranks = {len(tensor.shape) for tensor in call.node.input_tensors}
    one_by_one = call.arguments is not None and (
        not isinstance(call.layer, keras.Layer) or _takes_tensors_one_by_one(call)
    )
    return (call.plain or one_by_one) and len(call.outputs) == 1 and len(ranks) == 1


def _takes_tensors_one_by_one(call: Call) -> bool:
    known = is_keras_class(type(call.layer)) and type(call.layer).__name__ in ONE_BY_ONE
    return known and call.arguments is not None and len(call.arguments) == len(call.inputs) <= 3
