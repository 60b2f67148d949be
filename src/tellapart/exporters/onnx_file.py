"""ONNX: the net traced by torch's exporter, with its record in the file's metadata.

int8 and float16 are made by ONNX Runtime's own tools from the float32 file.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.exporters.format import AT_ONCE, ExportJob, Format, Runner, in_parts
from tellapart.exporters.picture_net import PICTURES, PictureNet, example_of
from tellapart.exporters.quiet import quietly
from tellapart.exporters.record import KEY

OPSET = 18
"""The oldest with everything that is needed, so that most runtimes read it."""

BATCH = "batch"


def onnx_model(job: ExportJob) -> Any:
    """Return the model, checked: an `onnx.ModelProto` in float32."""
    import onnx

    net = PictureNet(job.classifier, job.tta_views).eval()
    example = example_of(job.classifier.card.preprocessing.shape)
    with torch.no_grad(), quietly():
        program = torch.onnx.export(
            net,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[PICTURES],
            output_names=list(net.outputs),
            dynamic_shapes=({0: torch.export.Dim(BATCH, min=1)},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ValueError("one of its operations fixes how many pictures it takes at a time")
    _strip(model)
    _note(model, job)
    onnx.checker.check_model(model, full_check=True)
    return model


def _strip(model: Any) -> None:
    """Take out where in whose folders each operation was traced."""
    parts = [model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info]
    for part in [model, *parts, *model.graph.initializer, *model.functions]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")


def _note(model: Any, job: ExportJob) -> None:
    """Put the record into the metadata."""
    record = dict(job.record)
    model.producer_name, model.producer_version = KEY, str(record["tellapart"])
    model.ClearField("metadata_props")
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(record)


def write(job: ExportJob, path: Path) -> None:
    """Write the file."""
    import onnx

    model = onnx_model(job)
    if job.precision == "int8":
        _write_int8(model, job, path)
        model = onnx.load(path)
        _note(model, job)
    if job.precision == "float16":
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
        from onnxruntime.transformers.onnx_model import OnnxModel

        with quietly():
            kept = [
                *DEFAULT_OP_BLOCK_LIST,
                "ReduceLogSumExp",
                "Exp",
                "Log",
                "Softmax",
            ]  # sums of exponentials overflow
            model = convert_float_to_float16(model, keep_io_types=True, op_block_list=kept)
            OnnxModel(model).topological_sort()  # the conversion leaves casts behind what they cast for
    onnx.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)


class _Calibration:
    """Hands out pictures as ONNX Runtime's calibration asks for them."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.parts = iter([images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next batch; None: there is none."""
        part = next(self.parts, None)
        return None if part is None else {PICTURES: part}

    def __iter__(self) -> "_Calibration":
        return self

    def __next__(self) -> dict[str, NDArray[np.uint8]]:
        if (part := self.get_next()) is None:
            raise StopIteration
        return part


def _write_int8(model: Any, job: ExportJob, path: Path) -> None:
    """Quantize convolutions and dense layers, weights by channel; activations by their ranges on the pictures."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    assert job.calibration is not None
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, quietly():
        plain, prepared = Path(folder) / "plain.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)  # which stumbles over the novelty score
        quantize_static(
            prepared,
            path,
            _Calibration(job.calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "Add", "MaxPool", "GlobalAveragePool"],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def session(path: Path) -> Any:
    """Return an ONNX Runtime session on the CPU, with as many threads as torch has here."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def open_file(path: Path, _job: ExportJob) -> Runner:
    """Return a function that runs the file in ONNX Runtime."""
    opened = session(path)
    names = [output.name for output in opened.get_outputs()]
    return in_parts(names, lambda part: opened.run(names, {PICTURES: part}))


ONNX = Format(
    name="onnx",
    title="ONNX",
    suffix=".onnx",
    write=write,
    open=open_file,
    runtime="onnxruntime",
    packages=("onnx", "onnxscript", "onnxruntime"),
    extra="onnx",
    precisions=("float32", "float16", "int8"),
)
