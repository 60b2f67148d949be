"""The stages of a network: runs of layers between two halvings, by which it is trained from the top down.

Seen from the top, a stage begins where the maps grow. Layers with smaller maps within it, as in squeeze-and-excitation,
or with none, as behind the global pooling, belong to it.
"""

from collections.abc import Mapping
from typing import Any

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import nested_layers

HEAD = "head"
"""Name of the last dense layer, which is above all stages."""


def depths(model: Any) -> dict[str, int]:
    """Return how far each layer is from the top: 0 for the head, 1 for the last stage, and so on; by name.

    Args:
        model: a Functional Keras model whose last layer is named HEAD.
    """
    stage, largest, result = 1, 0, {}
    for layer in reversed(model.layers):
        pixels = _pixels(layer)
        if pixels == 1 and not layer.weights:  # the global pooling
            pixels = 0
        if pixels > largest:
            stage, largest = stage + (largest > 0), pixels
        result[layer.name] = 0 if layer.name == HEAD else stage
    return result


def refuse_missing_stages(model: Any, stages: int | None) -> None:
    """Refuse more stages than a network has.

    Raises:
        ConfigError: saying how many it has.
    """
    most = max(depths(model).values())
    if stages is not None and stages > most:
        raise ConfigError(
            f"{stages} stages of the pretrained network are to be trained; it has {most}. Choose all-but-1 to "
            f"all-but-{most}, or none to freeze none of them."
        )


def train_stages(model: Any, stages: int | None) -> None:
    """Make the head and the last stages trainable, and nothing else.

    Batch normalization stays frozen everywhere, with its statistics, scale and offset: few images at a time would
    spoil what a million have set.

    Args:
        model: a Functional Keras model whose last layer is named HEAD.
        stages: how many, from the top, or as many as there are; None: all.
    """
    keras = import_keras()
    for name, depth in depths(model).items():
        layer = model.get_layer(name)
        layer.trainable = stages is None or depth <= stages
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


def _pixels(layer: Any) -> int:
    """Return height times width of a layer's output; 0 where it has none."""
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    return int(shape[1] * shape[2]) if len(shape) == 4 else 0
