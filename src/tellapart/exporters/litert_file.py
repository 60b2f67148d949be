"""LiteRT, formerly TensorFlow Lite: the net converted by litert-torch, for one picture at a time.

The converter fixes the batch: it has no rule for a product or a sum whose number of pictures is open. The record is an
associated file as TensorFlow Lite knows them: an entry of a ZIP archive that follows the model in its file.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tellapart.exporters.format import ExportJob, Format, Runner, in_parts
from tellapart.exporters.picture_net import PICTURES, PictureNet, example_of
from tellapart.exporters.quiet import quietly
from tellapart.exporters.record import KEY

RECORD = f"{KEY}.json"
"""Entry of the archive behind the model."""

BATCH = 1

SHOWS_PROGRESS = "LITERT_TORCH_SHOW_PROGRESS"
"""Environment variable by which the converter is told not to write its progress to the standard output."""


class _Named(nn.Module):
    """A picture net that returns its outputs by name: the converter names those of the file after them."""

    def __init__(self, net: PictureNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> Mapping[str, Tensor]:
        return dict(zip(self.net.outputs, self.net(pictures), strict=True))


def write(job: ExportJob, path: Path) -> None:
    """Write the file."""
    import litert_torch

    net = _Named(PictureNet(job.classifier, job.tta_views)).eval()
    example = example_of(job.classifier.card.preprocessing.shape)[:BATCH]
    with torch.no_grad(), quietly(), _without_progress():
        model = litert_torch.convert(net, sample_kwargs={PICTURES: example})
        path.write_bytes(model.model_content())  # LLVM ends the process where it cannot finish a file
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            zipfile.ZipInfo(RECORD), json.dumps(job.record)
        )  # dated 1980: equal files of equal models


@contextmanager
def _without_progress() -> Iterator[None]:
    before = os.environ.get(SHOWS_PROGRESS)
    os.environ[SHOWS_PROGRESS] = "n"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SHOWS_PROGRESS, None)
        else:
            os.environ[SHOWS_PROGRESS] = before


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the file in LiteRT on the CPU, with as many threads as torch has here."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=torch.get_num_threads())
    predict, names = interpreter.get_signature_runner(), list(job.record["outputs"])

    def run(part: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        answers = [predict(**{PICTURES: picture[None]}) for picture in part]
        return [np.concatenate([answer[name] for answer in answers]) for name in names]

    return in_parts(names, run)


LITERT = Format(
    name="litert",
    title="LiteRT",
    suffix=".tflite",
    write=write,
    open=open_file,
    runtime="ai-edge-litert",
    packages=("litert_torch", "ai_edge_litert"),
    extra="litert",
    batch=BATCH,
    notes=("It takes one picture at a time: (1, height, width, channels).",),
)
