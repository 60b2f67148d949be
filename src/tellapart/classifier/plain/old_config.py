"""Old configurations: what earlier versions of Keras wrote and today's refuses, put into today's words.

Only what is certain to mean the same is changed: a setting that no longer exists is dropped where it has the value
that today's layer always has, and an operator of TensorFlow becomes a layer where it only scales. Everything else is
left for Keras to refuse.

Knows nothing of files. Runs nothing: it works on JSON values.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "groups": (1,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "fused": (None, True, False),
    "mode": (0,),
    "ragged": (False, None),
    "sparse": (False, None),
    "implementation": (0, 1, 2),
    "experimental_autocast": (True,),
}
"""Setting -> the values with which it changes nothing, for layers that no longer have it."""

OF_EVERY_LAYER = frozenset(
    {
        "name", "trainable", "dtype", "autocast", "activity_regularizer",
        "batch_shape", "batch_input_shape", "input_shape",
    }
)  # fmt: skip
"""Settings that a layer takes though its own arguments do not name them."""

SCALED: Mapping[str, Callable[[float], Mapping[str, float]]] = {
    "math.truediv": lambda number: {"scale": 1 / number, "offset": 0.0},
    "math.divide": lambda number: {"scale": 1 / number, "offset": 0.0},
    "math.multiply": lambda number: {"scale": number, "offset": 0.0},
    "math.subtract": lambda number: {"scale": 1.0, "offset": -number},
    "math.add": lambda number: {"scale": 1.0, "offset": number},
    "__operators__.add": lambda number: {"scale": 1.0, "offset": number},
}
"""TensorFlow's name of an operator on a tensor and a number -> the settings of a Rescaling layer that does the same."""


def todays(config: Any, layer_classes: Mapping[str, Any]) -> Any:
    """Return a model's configuration in the words of today's Keras; `config` itself stays as it is.

    Args:
        config: JSON values, as `parsed_config` returns them.
        layer_classes: Keras's layers by name.
    """
    if isinstance(config, list):
        return [todays(value, layer_classes) for value in config]
    if not isinstance(config, dict):
        return config
    values = {key: todays(value, layer_classes) for key, value in config.items()}
    settings = values.get("config")
    if values.get("class_name") == "Sequential" and isinstance(settings, list):
        settings = {"name": "sequential", "layers": settings}  # as until 2.2.2
    if values.get("class_name") == "Sequential" and isinstance(settings, dict):
        return {**values, "config": {**settings, "layers": _behind_an_input(settings["layers"])}}
    if values.get("class_name") == "Model" and isinstance(settings, dict) and "layers" in settings:
        values["class_name"] = "Functional"  # as Keras called it until 2.3
    if not isinstance(settings, dict):
        return values
    if "layers" in settings:
        return {**values, "config": _with_single_ends(settings)}
    if values.get("class_name") == "TFOpLambda":
        return _as_rescaling(values)
    kind = layer_classes.get(str(values.get("class_name")))
    return values if kind is None else {**values, "config": _without_effectless(settings, kind)}


def _behind_an_input(layers: Any) -> Any:
    """Return a Sequential model's layers with an InputLayer as the first, which alone says what the model reads."""
    if (
        not isinstance(layers, list)
        or not layers
        or not all(isinstance(_settings(layer), dict) for layer in layers)
    ):
        return layers
    first, shape = layers[0], _settings(layers[0]).get("batch_input_shape")
    if first.get("class_name") == "InputLayer" or shape is None:
        entry = []
    else:
        entry = [
            {
                "class_name": "InputLayer",
                "config": {"batch_shape": shape, "dtype": "float32", "name": "entry"},
            }
        ]
    return entry + [_without_shape(layer) for layer in layers]


def _settings(layer: Any) -> Any:
    return layer.get("config") if isinstance(layer, dict) else None


def _without_shape(layer: dict[str, Any]) -> dict[str, Any]:
    if layer.get("class_name") == "InputLayer":
        return layer
    settings = {name: value for name, value in layer["config"].items() if name != "batch_input_shape"}
    return {**layer, "config": settings}


def _with_single_ends(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a Functional model's settings with its only input and output named alone.

    Until Keras 3 they stood in a list of one, which today is a model that returns a list: no layer could follow it.
    """
    alone = {
        end: settings[end][0]
        for end in ("input_layers", "output_layers")
        if len(settings.get(end) or ()) == 1
    }
    return {**settings, **alone}


def _without_effectless(settings: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    known = set(inspect.signature(kind.__init__).parameters) | OF_EVERY_LAYER
    return {
        name: value
        for name, value in settings.items()
        if name in known or value not in WITHOUT_EFFECT.get(name, ())
    }


def _as_rescaling(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a Rescaling layer in the place of an operator on a tensor and a number; any other operator as it is."""
    settings, nodes = layer["config"], layer.get("inbound_nodes")
    scaled = SCALED.get(str(settings.get("function")))
    node = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 else None
    if scaled is None or not isinstance(node, list) or len(node) != 4 or not isinstance(node[3], dict):
        return layer
    number = node[3].get("y")
    if type(number) not in (int, float) or not number:
        return layer
    name = settings.get("name", layer.get("name"))
    return {
        **layer,
        "class_name": "Rescaling",
        "config": {"name": name, "dtype": "float32", **scaled(float(number))},
        "inbound_nodes": [[[*node[:3], {}]]],
    }
