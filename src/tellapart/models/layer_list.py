"""A network as a list of layers: plain data, from which Keras builds a model and `inference/` a stored net.

An architecture that must answer before Keras could be imported is written down once, in this form.

Knows nothing of weights.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tellapart.keras_backend import import_keras

IMAGES = 0
"""The number of the input; the layers follow from 1."""

_CONVOLUTION = {"padding": "same", "dilation_rate": (1, 1), "activation": "linear"}
_NORMALIZATION = {"axis": -1, "momentum": 0.99, "center": True, "scale": True}


class Layer(NamedTuple):
    """One layer: a Keras class of `keras.layers`, its settings, and the numbers of its inputs."""

    kind: str
    config: dict[str, Any]
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerList:
    """A network's layers, each after its inputs; the last is the output.

    Every method adds one layer and returns its number. Settings are complete, as `get_config` gives them,
    because the rules of `lowering/` read them without Keras.
    """

    image_shape: tuple[int, int, int]
    """(height, width, channels)."""

    layers: list[Layer] = field(default_factory=list)

    def add(self, kind: str, *inputs: int, **config: Any) -> int:
        """Add a layer of any kind."""
        self.layers.append(Layer(kind, config, inputs))
        return len(self.layers)

    def convolution(self, x: int, filters: int, size: int, stride: int = 1) -> int:
        """Add a convolution with "same" padding and without bias."""
        return self.add(
            "Conv2D", x, filters=filters, kernel_size=(size, size), strides=(stride, stride), groups=1,
            use_bias=False, **_CONVOLUTION,
        )  # fmt: skip

    def depthwise(self, x: int, size: int, stride: int = 1) -> int:
        """Add a depthwise convolution with "same" padding and without bias."""
        return self.add(
            "DepthwiseConv2D", x, kernel_size=(size, size), strides=(stride, stride), depth_multiplier=1,
            use_bias=False, **_CONVOLUTION,
        )  # fmt: skip

    def normalization(self, x: int, epsilon: float) -> int:
        """Add a batch normalization of the channels."""
        return self.add("BatchNormalization", x, epsilon=epsilon, **_NORMALIZATION)

    def activation(self, x: int, name: str) -> int:
        """Add an activation by Keras's name."""
        return self.add("Activation", x, activation=name)

    def dense(self, x: int, units: int, activation: str) -> int:
        """Add a dense layer with bias."""
        return self.add("Dense", x, units=units, use_bias=True, activation=activation)


def keras_model(network: LayerList, name: str) -> Any:
    """Build the Keras model, its weights drawn as Keras does.

    Returns:
        A built, uncompiled functional model.
    """
    keras = import_keras()
    tensors = [keras.Input(network.image_shape)]
    for kind, config, inputs in network.layers:
        given = [tensors[number] for number in inputs]
        tensors.append(getattr(keras.layers, kind)(**config)(given if len(given) > 1 else given[0]))
    return keras.Model(tensors[IMAGES], tensors[-1], name=name)
