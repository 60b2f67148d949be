"""A model's configuration from strangers: how much it asks for, before anything is built from it."""

import json
from collections.abc import Iterator
from typing import Any

from tellapart.errors import ModelError
from tellapart.untrusted.archive import LARGEST_TEXT, refused

MOST_LAYERS = 5_000
"""Keras's largest networks have about a thousand."""

MOST_CALLS = 20_000
"""Calls of layers in all, those within models that are called several times counted each time."""

MOST_OBJECTS = 200_000
"""Settings with a class: initializers, types, tensors. A layer has five to eight."""

LARGEST_SIDE = 16_384
"""Pixels of an image that a network may ask for."""

LARGEST_OUTPUT = 70_000_000
"""Numbers of a layer's output for one image: 280 MB. A photo of 1,024 pixels has 67 million in a layer of 64."""

LARGEST_SUM = 4_000_000_000
"""Numbers of all layers' outputs for one image. EfficientNetB7 has one thousand million."""

REFUSED = frozenset(
    {
        "Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer",
        "StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization", "FeatureSpace",
        "Hashing", "HashedCrossing", "__lambda__", "__typespec__",
    }
)  # fmt: skip
"""Keras classes that run code from the file, or read other files that it names; no network of images needs them."""

OF_FUNCTIONS = ("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers")
"""Modules of Keras whose functions a layer may be given."""


def parsed_config(text: bytes, where: str) -> Any:
    """Return a configuration as JSON values, once it is seen to ask for nothing that no network of images needs.

    Args:
        text: JSON.
        where: it lies, for the message.

    Raises:
        ModelError: naming what it asks for.
    """
    if len(text) > LARGEST_TEXT:
        raise refused(where, f"its configuration has {len(text):,} bytes")
    try:
        config = json.loads(text)
        layers = 0
        for count, entry in enumerate(_objects(config)):
            if count == MOST_OBJECTS:
                raise refused(where, f"it has more than {MOST_OBJECTS:,} settings with a class")
            _refuse_code(entry, where)
            settings = entry.get("config")
            if isinstance(settings, dict):
                _refuse_large_images(settings, where)
                settings = settings.get("layers")
            layers += len(settings) if isinstance(settings, list) else 0  # Keras 2 had lists without settings
            if layers > MOST_LAYERS:
                raise refused(where, f"it has more than {MOST_LAYERS:,} layers")
        if _calls(config) > MOST_CALLS:
            raise refused(where, f"its layers are called more than {MOST_CALLS:,} times")
    except (ValueError, RecursionError, MemoryError) as reason:
        if isinstance(reason, ModelError):
            raise
        raise ModelError(
            f"{where} cannot be read as a Keras model (its configuration is damaged: {reason})."
        ) from reason
    return config


def _refuse_code(entry: dict[str, Any], where: str) -> None:
    """Refuse what Keras would run or open: it looks for a class by either of two names."""
    for key in ("class_name", "registered_name"):
        name = _last_part(entry.get(key))
        if name == "Lambda":
            raise ModelError(_of_lambda(entry, where))
        if name in REFUSED or name.endswith("Tokenizer"):
            raise refused(where, f"it has a layer {name}, which runs code or reads files that the file names")
    if entry.get("class_name") == "function":
        module = str(entry.get("module") or "builtins").split(".")
        of_keras = module[0] == "keras" and any(part in OF_FUNCTIONS for part in module)
        is_registered = module[0] not in ("keras", "keras_hub", "keras_cv", "keras_nlp")
        if not (of_keras or is_registered):
            raise refused(where, f"it calls the function {str(entry.get('config'))[:100]!r}")


def _of_lambda(entry: dict[str, Any], where: str) -> str:
    settings = entry.get("config")
    name = str(settings.get("name", "")) if isinstance(settings, dict) else ""
    return (
        f"{where} is refused: its layer {name[:100] or 'Lambda'} is a Lambda, which is Python code inside the file, "
        "and tellapart runs no code from files. If you trust the file, open it in Keras with "
        "keras.models.load_model(..., safe_mode=False), replace the Lambda with a Keras layer, and save it again: "
        "Rescaling(1 / 255) for x / 255, Rescaling(1 / 127.5, offset=-1) for x / 127.5 - 1."
    )


def _last_part(name: Any) -> str:
    return str(name).rsplit(">")[-1].rsplit(".")[-1]


def _refuse_large_images(settings: dict[str, Any], where: str) -> None:
    for key in ("batch_shape", "batch_input_shape", "input_shape"):
        shape = settings.get(key)
        sides = [side for side in shape if isinstance(side, int | float)] if isinstance(shape, list) else []
        if sides and not max(sides) <= LARGEST_SIDE:
            raise refused(where, f"it asks for images of shape {shape}")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object with a class, those within others too."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _calls(value: Any) -> int:
    """Return how often layers are called in all, where a model within a model is called as often as its layers."""
    if isinstance(value, list):
        return sum(_calls(part) for part in value)
    if not isinstance(value, dict):
        return 0
    nodes = value.get("inbound_nodes")
    times = max(1, len(nodes)) if isinstance(nodes, list) else 1
    inner = sum(_calls(part) for key, part in value.items() if key != "inbound_nodes")
    return times * (inner + ("layers" in value or isinstance(nodes, list)))
