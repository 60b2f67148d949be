"""The command `export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli import options
from tellapart.cli.label_options import with_label_options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing
from tellapart.errors import ConfigError


class ExportFormat(StrEnum):
    """A file format; `tests/cli/test_export.py` holds them against `exporters.registry`."""

    ONNX = "onnx"
    TORCH = "torch"
    KERAS = "keras"
    H5 = "h5"
    SAFETENSORS = "safetensors"
    OPENVINO = "openvino"
    LITERT = "litert"
    WEB = "web"


To = Annotated[
    ExportFormat,
    typer.Option(
        "--to", help="The format; web: one HTML file that predicts in any browser, without a server."
    ),
]
ExportData = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="Labeled pictures for the proof, as for evaluate. Default: the run's test pictures.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="The file to write. Default: model.onnx (and so on) beside the model."
    ),
]
Int8 = Annotated[
    bool,
    typer.Option("--int8", help="Quantize to 8 bits, calibrated on training pictures; onnx and web."),
]
Fp16 = Annotated[bool, typer.Option("--fp16", help="Weights in 16 bits; onnx, openvino and web.")]
Views = Annotated[
    int | None,
    typer.Option(
        "--views",
        metavar="1|2|6",
        help="Copies of each picture whose predictions are averaged. Default: as the model predicts. 1 is fastest.",
    ),
]
ProofPictures = Annotated[
    Path | None,
    typer.Option(
        "--pictures", metavar="FOLDER", help="Pictures without labels for the proof, in place of DATA."
    ),
]
Count = Annotated[
    int, typer.Option("--count", metavar="N", min=1, help="Use at most this many pictures for the proof.")
]


@with_label_options
@with_model_options
def export(
    model: options.Model,
    data: ExportData = None,
    to: To = ExportFormat.ONNX,
    out: Out = None,
    int8: Int8 = False,
    fp16: Fp16 = False,
    views: Views = None,
    pictures: ProofPictures = None,
    count: Count = 1_000,
    labels: Any = None,
    said: Any = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model for another runtime, and prove that it answers as the model does.

    The file takes pixels (uint8, 0 to 255) and returns probabilities; keras, h5 and safetensors hold the network alone.
    Before the file is kept, test pictures go through the model and the export: if a probability differs by more than
    0.00001, the export is discarded. With --fp16 and --int8, accuracy is compared instead, if the pictures have labels.

    \b
    Examples:
      tellapart export runs/photos
      tellapart export runs/photos --int8 --out small.onnx
      tellapart export runs/photos --to web

    \b
    Exit codes: 0 done, 1 failed or the export answers otherwise, 2 wrong option,
    3 unusable data, 4 missing optional package
    """
    with importing():
        from tellapart.api.export import export as export_model
        from tellapart.cli.terminal.exported import report_export
        from tellapart.cli.terminal.progress import ProgressListener

    options.refuse_empty(data)
    if int8 and fp16:
        raise ConfigError("--int8 and --fp16 are two precisions. Choose one.")
    with ProgressListener(quiet=quiet) as listener:
        exported = export_model(
            model,
            to.value,
            out,
            data=data,
            labels=labels,
            pictures=pictures,
            count=count,
            precision="int8" if int8 else "float16" if fp16 else "float32",
            views=views,
            listener=listener,
            **said,
        )
    if as_json:
        say_json({"model": str(model), **exported.to_dict()})
    else:
        report_export(exported)
