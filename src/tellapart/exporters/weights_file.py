"""safetensors: the weights alone, by the names that Keras gives them, with the record and the network's description.

The file holds no operations: who reads it builds the network, from its Keras configuration in the file or in code.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.exporters.format import Answers, ExportJob, Format, Runner
from tellapart.exporters.picture_net import PROBABILITIES
from tellapart.exporters.record import KEY
from tellapart.keras_backend import import_keras

AT_ONCE = 64
NETWORK = "keras_config"


def write(job: ExportJob, path: Path) -> None:
    """Write the file."""
    from safetensors.numpy import save_file

    model = job.classifier.model
    tensors = {weight.path: np.ascontiguousarray(np.asarray(weight.numpy())) for weight in model.weights}
    metadata = {KEY: json.dumps(job.record), NETWORK: model.to_json()}
    save_file(tensors, path, metadata=metadata)


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs a network built from the file alone, in plain Keras."""
    from safetensors import safe_open

    keras = import_keras()
    with safe_open(path, "numpy") as file:
        model = keras.models.model_from_json(file.metadata()[NETWORK])
        weights = [file.get_tensor(name) for name in (weight.path for weight in model.weights)]
    model.set_weights(weights)
    meaning: Any = job.classifier.net.meaning

    def run(images: NDArray[np.uint8]) -> Answers:
        outputs = model.predict(images.astype(np.float32), batch_size=AT_ONCE, verbose=0)
        return {PROBABILITIES: meaning(torch.from_numpy(np.asarray(outputs))).numpy()}

    return run


SAFETENSORS = Format(
    name="safetensors",
    title="safetensors (weights alone)",
    suffix=".safetensors",
    write=write,
    open=open_file,
    runtime="keras",
    has_views=False,
    notes=("It holds weights and no operations: build the network from the entry keras_config, or in code.",),
)
