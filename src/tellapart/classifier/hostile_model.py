"""What a model file from a stranger must satisfy before Keras loads it: nothing read elsewhere, no memory filled.

Keras 3.15 refuses code, and data sets that lie in other files. Sizes it believes: what the configuration asks for is
allocated before the weights are read.
"""

import io
from math import prod
from pathlib import Path
from typing import Any

from tellapart.errors import ModelError
from tellapart.keras_backend import import_keras
from tellapart.untrusted.archive import archive_of, read_entry, refused
from tellapart.untrusted.hdf5 import refuse_odd_hdf5, total_numbers
from tellapart.untrusted.model_config import parsed_config

SLACK = 16_000_000
"""Weights that a configuration may ask for beyond those in the file."""

LARGEST_OUTPUT = 100_000_000
"""Numbers of a layer's output for one image: 400 MB. A photo of 1,024 pixels has 67 million in a layer of 64."""


def refuse_hostile_model(path: Path) -> None:
    """Raise unless a model file holds what it says, and asks for no more than that.

    Args:
        path: a `.keras` or `.h5` file.

    Raises:
        ModelError: with what is odd about it.
    """
    import h5py

    try:
        if path.suffix == ".keras":
            with archive_of(path) as archive:
                text = read_entry(archive, "config.json", path, is_text=True)
                content = read_entry(archive, "model.weights.h5", path, is_text=False)
            source: Any = None if content is None else io.BytesIO(content)
            size = 0 if content is None else len(content)
        else:
            text, source, size = None, path, path.stat().st_size
        numbers = 0
        if source is not None:
            with h5py.File(source, "r") as file:
                refuse_odd_hdf5(file, size, str(path))
                numbers = total_numbers(file)
                text = file.attrs.get("model_config") if text is None else text
        if text is not None:
            config = parsed_config(text.encode() if isinstance(text, str) else bytes(text), str(path))
            _refuse_large(config, numbers, path)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as reason:
        raise ModelError(
            f"{path} cannot be read as a Keras model (the file is damaged: {reason})."
        ) from reason


def _refuse_large(config: Any, numbers: int, path: Path) -> None:
    """Build a model without its weights, and look at its shapes; what Keras cannot build it will say itself."""
    keras = import_keras()
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config)
        weights = sum(prod(weight.shape) for weight in model.weights)
        outputs = [getattr(operation, "output", None) for operation in getattr(model, "operations", ())]
    except Exception:  # Keras raises many kinds here, and again when it loads the model
        return
    if weights > numbers + SLACK:
        raise refused(
            path, f"its configuration asks for {weights:,} weights, and it holds {numbers:,} numbers"
        )
    shapes = [tensor.shape for output in outputs for tensor in keras.tree.flatten(output)]
    largest = max((prod(side or 1 for side in shape[1:]) for shape in shapes), default=0)
    if largest > LARGEST_OUTPUT:
        raise refused(path, f"a layer of it computes {largest:,} numbers for each image")
