"""A model's configuration from strangers: how much it asks for, before anything is built from it."""

import json
from collections.abc import Iterator
from typing import Any

from tellapart.errors import ModelError
from tellapart.untrusted.archive import LARGEST_TEXT, refused

MOST_LAYERS = 10_000
"""Keras's largest networks have about a thousand."""

LARGEST_SIDE = 8_192
"""Pixels of an image that a network may ask for."""

REFUSED = (
    "Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer",
    "StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing",
)  # fmt: skip
"""Keras classes that run code from the file, or read other files that it names; no network of images needs them."""


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
        for count, entry in enumerate(_entries(config)):
            if count == MOST_LAYERS:
                raise refused(where, f"it has more than {MOST_LAYERS:,} layers and settings with a class")
            if (name := str(entry.get("class_name", "")).rsplit(">")[-1].rsplit(".")[-1]) in REFUSED:
                raise refused(
                    where, f"it has a layer {name}, which runs code or reads files that the file names"
                )
            settings = entry.get("config")
            if isinstance(settings, dict):
                _refuse_large_images(settings, where)
    except (ValueError, RecursionError, MemoryError) as reason:
        raise ModelError(
            f"{where} cannot be read as a Keras model (its configuration is damaged)."
        ) from reason
    return config


def _refuse_large_images(settings: dict[str, Any], where: str) -> None:
    shape = settings.get("batch_shape") or settings.get("batch_input_shape") or ()
    sides = [side for side in shape if isinstance(side, int | float)] if isinstance(shape, list) else []
    if sides and max(sides) > LARGEST_SIDE:
        raise refused(where, f"it asks for images of shape {shape}")


def _entries(value: Any) -> Iterator[dict[str, Any]]:
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
