"""PyTorch: an exported program (.pt2), which torch runs without tellapart or Keras."""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.exporters.format import ExportJob, Format, Runner, in_parts
from tellapart.exporters.picture_net import PictureNet, example_of
from tellapart.exporters.record import KEY

RECORD = f"{KEY}.json"
"""Extra file of the program that holds the record."""


def write(job: ExportJob, path: Path) -> None:
    """Write the file."""
    net = PictureNet(job.classifier, job.tta_views).eval()
    example = example_of(job.classifier.card.preprocessing.shape)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = torch.export.Dim("batch", min=1)
        program = torch.export.export(net, (example,), dynamic_shapes=({0: batch},))
        _strip(program)
        content = (
            io.BytesIO()
        )  # torch ends the whole process where it cannot finish a file, as on a full disk
        torch.export.save(program, content, extra_files={RECORD: json.dumps(job.record)})
    path.write_bytes(content.getbuffer())


def _strip(program: Any) -> None:
    """Take out where in whose folders each operation was traced."""
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            node.meta.pop("stack_trace", None)


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the file in torch."""
    module = torch.export.load(path).module()

    def run(part: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [output.numpy() for output in module(torch.from_numpy(part))]

    return in_parts(list(job.record["outputs"]), run)


TORCH = Format(
    name="torch",
    title="PyTorch (torch.export)",
    suffix=".pt2",
    write=write,
    open=open_file,
    runtime="torch",
    notes=(
        "Open it with torch.export.load(FILE).module(). A .pt2 file can run code: load only files you trust.",
    ),
)
