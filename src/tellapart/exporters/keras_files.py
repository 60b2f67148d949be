"""Keras: the network alone, which plain Keras opens; pictures as they are, without test-time augmentation.

Its outputs are those of the network: where it ends in logits, the record says so.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.classifier.model_file import save_h5
from tellapart.exporters.format import AT_ONCE, Answers, ExportJob, Format, Runner
from tellapart.exporters.picture_net import PROBABILITIES
from tellapart.exporters.record import KEY
from tellapart.keras_backend import import_keras

RECORD = f"{KEY}-export.json"


def write_keras(job: ExportJob, path: Path) -> None:
    """Write a `.keras` file with the record as one more entry of its archive."""
    job.classifier.model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(RECORD, json.dumps(job.record))


def write_h5(job: ExportJob, path: Path) -> None:
    """Write an `.h5` file with the record as an attribute."""
    save_h5(job.classifier.model, path, {KEY: json.dumps(job.record)})


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the file in plain Keras."""
    return runner_of(import_keras().saving.load_model(path, compile=False), job)


def runner_of(model: Any, job: ExportJob) -> Runner:
    """Return a function that runs a network in plain Keras; its outputs are read as the record says."""
    meaning: Any = job.classifier.net.meaning

    def run(images: NDArray[np.uint8]) -> Answers:
        outputs = model.predict(images.astype(np.float32), batch_size=AT_ONCE, verbose=0)
        return {PROBABILITIES: meaning(torch.from_numpy(np.asarray(outputs))).numpy()}

    return run


_NOTE = "Plain Keras takes pixels 0 to 255 as float32. It averages no views of a picture, and gives no novelty score."

KERAS = Format(
    name="keras",
    title="Keras",
    suffix=".keras",
    write=write_keras,
    open=open_file,
    runtime="keras",
    has_views=False,
    notes=(_NOTE,),
)

H5 = Format(
    name="h5",
    title="Keras (HDF5)",
    suffix=".h5",
    write=write_h5,
    open=open_file,
    runtime="keras",
    has_views=False,
    notes=(_NOTE,),
)
