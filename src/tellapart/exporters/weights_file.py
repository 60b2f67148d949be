"""safetensors: the weights alone, by the names that Keras gives them, with the record and the network's description.

The file holds no operations: who reads it builds the network, from its Keras configuration in the file or in code.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.exporters.format import ExportJob, Format, Runner
from tellapart.exporters.keras_files import runner_of
from tellapart.exporters.record import KEY
from tellapart.keras_backend import import_keras

NETWORK, ORDER = "keras_config", "weight_order"
"""Entries of the metadata: the network's Keras configuration; the names of its weights, in its order."""


def write(job: ExportJob, path: Path) -> None:
    """Write the file."""
    from safetensors.numpy import save_file

    model = job.classifier.model
    names = _names(model.weights)
    tensors = {
        name: np.ascontiguousarray(np.asarray(weight.numpy()))
        for name, weight in zip(names, model.weights, strict=True)
    }
    metadata = {KEY: json.dumps(job.record), NETWORK: model.to_json(), ORDER: json.dumps(names)}
    save_file(tensors, path, metadata=metadata)


def _names(weights: Sequence[Any]) -> list[str]:
    """Return Keras's paths of weights; where two are alike, the later ones get a number."""
    names: list[str] = []
    for weight in weights:
        alike = sum(name == weight.path or name.startswith(f"{weight.path}#") for name in names)
        names.append(f"{weight.path}#{alike + 1}" if alike else weight.path)
    return names


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs a network built from the file alone, in plain Keras."""
    from safetensors import safe_open

    keras = import_keras()
    with safe_open(path, "numpy") as file:
        model = keras.models.model_from_json(file.metadata()[NETWORK])
        model.set_weights([file.get_tensor(name) for name in json.loads(file.metadata()[ORDER])])
    return runner_of(model, job)


SAFETENSORS = Format(
    name="safetensors",
    title="safetensors (weights alone)",
    suffix=".safetensors",
    write=write,
    open=open_file,
    runtime="keras",
    has_views=False,
    notes=(
        "It holds weights, no operations: its metadata has keras_config, and weight_order for set_weights.",
    ),
)
