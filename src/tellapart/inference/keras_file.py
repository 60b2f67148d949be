"""Stored nets: a saved `.keras` file lowered without Keras, so that predicting need not import it.

Reads the file's own config and weights. It supports Sequential models whose layers
all have a rule; for anything else it returns None, and Keras loads the model.
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.registry import RULES


class StoredNet(nn.Module):
    """A saved Sequential model for inference in float32."""

    def __init__(self, operations: Sequence[Operation], last_activation: str) -> None:
        super().__init__()
        self.operations = nn.ModuleList(operations)
        self.last_activation = last_activation
        """Keras's name of the activation applied to the outputs."""

    def forward(self, images: Tensor, *, training: bool = False) -> Tensor:
        """Run the model: (B, H, W, C) pixels 0-255 -> (B, classes).

        Raises:
            ValueError: `training` is True, which a stored net does not support.
        """
        if training:
            raise ValueError("A stored net is for inference only; load the Keras model to train it.")
        x = to_torch(images.float())
        for operation in self.operations:
            x = operation(x, training=False)
        return to_keras(x)


def read_stored_net(path: Path) -> StoredNet | None:
    """Lower a `.keras` file without importing Keras.

    Args:
        path: the file.

    Returns:
        The net, or None if only Keras can load the model.
    """
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            model = json.loads(archive.read("config.json"))
            if model["class_name"] != "Sequential" or model["module"] != "keras":
                return None
            stored = io.BytesIO(archive.read("model.weights.h5"))  # h5py reads it in hundreds of pieces
            with h5py.File(stored, "r") as weights:
                return _lowered(model["config"]["layers"], weights)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError):
        return None  # Keras has the better error message


def _lowered(layers: Sequence[Mapping[str, Any]], weights: Any) -> StoredNet | None:
    first, *rest = layers
    folders = _weight_folders([layer["class_name"] for layer in layers])[1:]
    if first["class_name"] != "InputLayer" or first["config"]["dtype"] != "float32":
        return None
    operations = [_operation(layer, weights, folder) for layer, folder in zip(rest, folders, strict=True)]
    lowered = [operation for operation in operations if operation is not None]
    if len(lowered) < len(operations) or not lowered:
        return None
    config = rest[-1]["config"]
    activation = config.get("activation", rest[-1]["class_name"].lower())
    return StoredNet(lowered, activation)


def _operation(layer: Mapping[str, Any], weights: Any, folder: str) -> Operation | None:
    config = layer["config"]
    plain = layer["module"] == "keras.layers" and config.get("activity_regularizer") is None
    named = isinstance(config.get("activation", "linear"), str)
    if not plain or not named or _dtype(config) != "float32" or layer["class_name"] not in RULES:
        return None
    stored = weights.get(f"layers/{folder}/vars", {})
    tensors = [torch.from_numpy(np.array(stored[str(index)])) for index in range(len(stored))]
    return RULES[layer["class_name"]](config, tensors, torch.float32)


def _dtype(config: Mapping[str, Any]) -> str:
    """Return the name of a layer's dtype policy, which Keras saves as a policy or as a name alone."""
    policy = config["dtype"]
    return policy if isinstance(policy, str) else policy["config"]["name"]


def _weight_folders(class_names: Sequence[str]) -> list[str]:
    """Return the folder of each layer's weights: its class in snake case, numbered from the second on."""
    seen: Counter[str] = Counter()
    folders = []
    for class_name in class_names:
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", class_name)
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        folders.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return folders
