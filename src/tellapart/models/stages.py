"""The stages of a network: runs of layers between two halvings, by which it is trained from the top down.

A stage is all layers whose outputs have the same height and width; layers without such outputs, as behind the global
pooling, belong to the stage before them.
"""

from collections.abc import Mapping
from typing import Any

from tellapart.keras_backend import import_keras
from tellapart.keras_internals import nested_layers

HEAD = "head"
"""Name of the last dense layer, which is above all stages."""


def depths(model: Any) -> dict[str, int]:
    """Return how far each layer is from the top: 0 for the head, 1 for the last stage, and so on; by name.

    Args:
        model: a Functional Keras model whose last layer is named HEAD.
    """
    sizes: list[tuple[int, ...]] = []
    result = {}
    for layer in reversed(model.layers):
        size = _size(layer)
        if size is not None and size not in sizes:
            sizes.append(size)
        stage = max(1, len(sizes) if size is None else sizes.index(size) + 1)
        result[layer.name] = 0 if layer.name == HEAD else stage
    return result


def train_stages(model: Any, stages: int) -> None:
    """Make the head and the last stages trainable, and nothing else.

    Batch normalization stays frozen everywhere, with its statistics, scale and offset: few images at a time would
    spoil what a million have set.

    Args:
        model: a Functional Keras model whose last layer is named HEAD.
        stages: how many, from the top.
    """
    keras = import_keras()
    for name, depth in depths(model).items():
        layer = model.get_layer(name)
        layer.trainable = depth <= stages
        for part in nested_layers(layer):
            if isinstance(part, keras.layers.BatchNormalization):
                part.trainable = False


def rate_factors(model: Any, factor: float) -> list[float]:
    """Return what each trainable weight's learning rate is multiplied by: `factor` for each stage below the head.

    Args:
        model: a Functional Keras model whose last layer is named HEAD.
        factor: of each stage to the one above it.
    """
    of_weight: Mapping[int, float] = {
        id(weight): factor**depth
        for name, depth in depths(model).items()
        for weight in model.get_layer(name).trainable_variables
    }
    return [of_weight[id(weight)] for weight in model.trainable_variables]


def _size(layer: Any) -> tuple[int, ...] | None:
    """Return height and width of a layer's output; None where it has none."""
    shape = getattr(layer.output, "shape", ())
    return tuple(shape[1:3]) if len(shape) == 4 else None
