"""Inputs and outputs of every call of every Keras layer, recorded while the model predicts."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a layer or of an operator."""

    layer: object
    inputs: list
    output: np.ndarray


def calls_of(model, image):
    """Name -> call, with the page's names: `outer/inner`, and `#2` from a second call on."""
    calls, counts, inside = {}, Counter(), []

    def record(layer, inputs, output):
        name = "".join(inside) + layer.name
        counts[name] += 1
        calls[name if counts[name] == 1 else f"{name}#{counts[name]}"] = Call(layer, inputs, output)

    with torch.no_grad(), _watched(model, record, inside):
        model(image[None].astype(np.float32), training=False)
    return calls


@contextmanager
def _watched(model, record, inside):
    """Within the block, record the inputs and output of each layer of the graph, nested ones too."""
    operations = list(_operations(model))
    for operation in operations:
        object.__setattr__(operation, "call", _recording_call(operation, record, inside))
    try:
        yield
    finally:
        for operation in operations:
            object.__delattr__(operation, "call")


def _operations(model):
    functional = model._functional if isinstance(model, keras.Sequential) else model
    for operation in functional.operations:
        if _is_graph(operation):
            yield from _operations(operation)
        if not isinstance(operation, keras.layers.InputLayer):
            yield operation


def _is_graph(operation):
    return isinstance(operation, keras.Sequential) or hasattr(operation, "_nodes_by_depth")


def _recording_call(operation, record, inside):
    call = operation.call

    def recording_call(*args, **kwargs):
        if _is_graph(operation):
            inside.append(operation.name + "/")
            result = call(*args, **kwargs)
            inside.pop()
            return result
        result = call(*args, **kwargs)
        inputs = [tensor for tensor in keras.tree.flatten((args, kwargs)) if torch.is_tensor(tensor)]
        record(operation, [_cells(tensor) for tensor in inputs], _cells(keras.tree.flatten(result)[0]))
        return result

    return recording_call


def _cells(tensor):
    """(rows, columns, channels): leading axes folded into rows, tokens as rows, units as channels."""
    values = keras.ops.convert_to_numpy(tensor)[0].astype(np.float64)
    if values.ndim >= 3:
        return values.reshape(-1, *values.shape[-2:])
    return values[:, None] if values.ndim == 2 else values.reshape(1, 1, -1)
