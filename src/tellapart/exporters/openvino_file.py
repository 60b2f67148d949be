"""OpenVINO: the ONNX graph converted, as .xml with its weights in the .bin beside it."""

import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.exporters.format import Answers, ExportJob, Format, Runner
from tellapart.exporters.onnx_file import AT_ONCE, onnx_model
from tellapart.exporters.record import KEY


def write(job: ExportJob, path: Path) -> None:
    """Write both files."""
    import onnx
    import openvino

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        place = Path(folder) / "net.onnx"
        onnx.save(onnx_model(job), place)
        model = openvino.convert_model(str(place))
        model.set_rt_info(json.dumps(job.record), KEY)
        openvino.save_model(model, path, compress_to_fp16=job.precision == "float16")


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the file in OpenVINO on the CPU, in float32 arithmetic."""
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = list(job.record["outputs"])

    def run(images: NDArray[np.uint8]) -> Answers:
        parts = [compiled(images[start : start + AT_ONCE]) for start in range(0, len(images), AT_ONCE)]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}

    return run


OPENVINO = Format(
    name="openvino",
    title="OpenVINO",
    suffix=".xml",
    write=write,
    open=open_file,
    runtime="openvino",
    packages=("openvino", "onnx", "onnxscript"),
    extra="openvino",
    precisions=("float32", "float16"),
    notes=("The .bin beside it holds the weights: keep both together.",),
)
