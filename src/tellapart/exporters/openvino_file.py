"""OpenVINO: the ONNX graph converted, as .xml with its weights in the .bin beside it."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.exporters.format import ExportJob, Format, Runner, in_parts
from tellapart.exporters.onnx_file import onnx_model
from tellapart.exporters.record import KEY

LOWEST = "lowest_number"


def write(job: ExportJob, path: Path) -> None:
    """Write both files."""
    import onnx
    import openvino

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        place = Path(folder) / "net.onnx"
        traced = onnx_model(job)
        _guard_poolings(traced)
        onnx.save(traced, place)
        model = openvino.convert_model(str(place))
        model.set_rt_info(json.dumps(job.record), KEY)
        openvino.save_model(model, path, compress_to_fp16=job.precision == "float16")


def _guard_poolings(model: Any) -> None:
    """Put a maximum with the lowest number behind each max pooling.

    OpenVINO 2026.4 moves an activation from behind a max pooling to before it, into the convolution, also where it does
    not grow with its input (hard swish, SiLU, GELU, Mish): the maximum of the activations is another number than the
    activation of the maximum. It does not move an activation past a maximum with a constant.
    """
    from onnx import TensorProto, helper

    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        model.graph.node.append(node)
        if node.op_type == "MaxPool":
            pooled, added = node.output[0], model.graph.node[-1]
            added.output[0] = f"{pooled}_before"
            model.graph.node.append(helper.make_node("Max", [added.output[0], LOWEST], [pooled]))
    lowest = [float(np.finfo(np.float32).min)]
    model.graph.initializer.append(helper.make_tensor(LOWEST, TensorProto.FLOAT, [], lowest))


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the file in OpenVINO on the CPU, in float32 arithmetic."""
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = list(job.record["outputs"])
    return in_parts(names, lambda part: list(compiled(part).values()))


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
    notes=(
        "The .bin beside it holds the weights: keep both together.",
        "Proven with INFERENCE_PRECISION_HINT f32; without it, OpenVINO computes in bfloat16 where the processor can.",
    ),
)
