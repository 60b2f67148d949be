"""Keras's own layers, watched while their model answers: what every call of every layer took and gave."""

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
    taken: list
    given: np.ndarray


def calls_of(model, image):
    """Name -> call, by the names that the page gives: `outer/inner`, and `#2` from a second call on."""
    found, seen, inside = {}, Counter(), []

    def told(layer, taken, given):
        name = "".join(inside) + layer.name
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = Call(layer, taken, given)

    with torch.no_grad(), _watched(model, told, inside):
        model(image[None].astype(np.float32), training=False)
    return found


@contextmanager
def _watched(model, told, inside):
    """Within the block, each layer of the graph, nested ones too, tells what it takes and gives."""
    operations = list(_operations(model))
    for one in operations:
        object.__setattr__(one, "call", _telling(one, told, inside))
    try:
        yield
    finally:
        for one in operations:
            object.__delattr__(one, "call")


def _operations(model):
    functional = model._functional if isinstance(model, keras.Sequential) else model
    for one in functional.operations:
        if _is_graph(one):
            yield from _operations(one)
        if not isinstance(one, keras.layers.InputLayer):
            yield one


def _is_graph(operation):
    return isinstance(operation, keras.Sequential) or hasattr(operation, "_nodes_by_depth")


def _telling(operation, told, inside):
    call = operation.call

    def telling(*args, **kwargs):
        if _is_graph(operation):
            inside.append(operation.name + "/")
            result = call(*args, **kwargs)
            inside.pop()
            return result
        result = call(*args, **kwargs)
        taken = [one for one in keras.tree.flatten((args, kwargs)) if torch.is_tensor(one)]
        told(operation, [_cells(one) for one in taken], _cells(keras.tree.flatten(result)[0]))
        return result

    return telling


def _cells(tensor):
    """(rows, columns, channels): leading axes folded into rows, tokens as rows, units as channels."""
    values = keras.ops.convert_to_numpy(tensor)[0].astype(np.float64)
    if values.ndim >= 3:
        return values.reshape(-1, *values.shape[-2:])
    return values[:, None] if values.ndim == 2 else values.reshape(1, 1, -1)
