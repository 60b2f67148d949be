"""The command line's arguments and options, defined once and shared by the commands.

Every option changes one field of a TrainConfig, or says where things go. Defaults live in the recipes.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tellapart.errors import ConfigError

CLASSES_SHOWN = 3
"""For each picture on the terminal, unless --top says otherwise."""

MODEL_HELP = (
    "A run folder, a .keras or .h5 file, or a built-in model: imagenet, cifar10 or digits. A file or folder "
    "of that name takes precedence."
)


class Policy(StrEnum):
    """How a picture of other proportions is brought to the network's size."""

    CROP = "crop"
    PAD = "pad"
    STRETCH = "stretch"


class Precision(StrEnum):
    """Arithmetic."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Switch(StrEnum):
    """Whether something is done; auto: where it promises to help."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class SplitName(StrEnum):
    """A part of the data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


# Models and pictures

Model = Annotated[Path, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
ModelOrRecipe = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|RECIPE",
        help="A recipe (transfer, fast, quick, accurate, best, photos-from-scratch or first-cnn), or a model. "
        f"{MODEL_HELP}",
    ),
]
ModelAndPictures = Annotated[
    list[Path],
    typer.Argument(
        metavar="[MODEL] PICTURE|FOLDER...",
        help=f"{MODEL_HELP} Default: imagenet. Then picture files, or folders of them.",
    ),
]

# Data

TrainData = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="A known data set (see tellapart data list), a folder with one subfolder per class, a file of labels "
        "(CSV), an archive of pictures, an .npz or Parquet file, or shards, by folder or address.",
    ),
]
EvaluateData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="Same as for train. Default: the run folder's own test pictures."),
]
SetName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set (see tellapart data list).")]
SetOrFolder = Annotated[
    str, typer.Argument(metavar="NAME", help="A known data set, or the path to your own pictures.")
]
SplitOption = Annotated[
    SplitName | None,
    typer.Option("--split", help="Split to score. Default: test, or everything if there are no splits."),
]
CheckData = Annotated[str, typer.Argument(metavar="DATA", help="Same as for train.")]
CheckSplit = Annotated[
    SplitName | None, typer.Option("--split", help="Check only this split. Default: all splits.")
]
CheckOut = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FILE.html", help="HTML page to write. It replaces the page of an earlier check."
    ),
]
Fix = Annotated[
    Path | None,
    typer.Option(
        "--fix",
        metavar="FILE.csv",
        help="Write a cleaned list of labels and splits for train --labels. It leaves out unreadable pictures, copies "
        "within and across splits, and pictures with conflicting labels. No picture is changed.",
    ),
]

# Training

Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="auto|transfer|fast|quick|accurate|best|photos-from-scratch|first-cnn",
        help="How to train. auto: transfer for photos and for few small pictures, else fast. transfer: a last layer on "
        "a network trained on a million photos, in seconds. fast: from scratch, in minutes. quick: a small network, 30 "
        "epochs. accurate: a larger network, in hours. best: for a GPU. photos-from-scratch: a residual network for "
        "photos where no pretrained one may be used. first-cnn: the classic Keras tutorial. Default: auto.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        help="Pictures per step; with transfer, in fine-tuning. Default: set by the recipe.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Random seed. Default: 0.")]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="48|48x64",
        help="Network input size in pixels, height x width. Default: the pretrained network's own; from scratch the "
        "size of the pictures, up to 64.",
    ),
]
PolicyOption = Annotated[
    Policy | None,
    typer.Option(
        "--policy", help="How to fit pictures whose aspect ratio differs from the input's. Default: crop."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Run folder to create. Default: runs/DATE-DATA-RECIPE."),
]

# Predictions and explanations

PredictionPrecision = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Numeric precision. bfloat16 is faster on some processors and may change about 1 prediction in 1,000.",
    ),
]
ScorePrecision = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="Numeric precision; changing it may change about 1 prediction in 1,000. Default: the precision that the "
        "run was trained with, or float32.",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top", min=1, metavar="N", help="Show the N most likely classes. Default: 3; JSON and CSV: all."
    ),
]
Csv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE|-", help="Write CSV to a new file, or to stdout (-).")
]
PredictionsOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE.csv|.jsonl|.parquet",
        help="For any number of pictures: write a row for each, also for unreadable ones, to a new file. Stopped or "
        "killed, the same command goes on where it was.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="With --out: threads that decode pictures while the network predicts others. Default: one for each core.",
    ),
]
Asked = Annotated[
    list[str] | None,
    typer.Option(
        "--class", metavar="NAME", help="Compare the prediction with this class too. Can be repeated."
    ),
]
QuickPage = Annotated[
    bool, typer.Option("--quick", help="The answer and one heat map with its faithfulness test, in seconds.")
]
PagesOut = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the pages.")]

# Reports, summaries, timings

OpenPage = Annotated[bool, typer.Option("--open", help="Open the page (the first of several) in a browser.")]

SummarySize = Annotated[
    str | None,
    typer.Option("--size", metavar="32x32", help="Input size of a recipe's network. Default: 32x32."),
]
Channels = Annotated[
    int | None, typer.Option("--channels", help="Input channels of a recipe's network, 3 or 1. Default: 3.")
]
Classes = Annotated[
    int | None, typer.Option("--classes", help="Number of classes of a recipe's network. Default: 10.")
]
BenchRecipe = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="quick, fast, accurate, best, photos-from-scratch or first-cnn."),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds", min=0, max=3600, help="How long to measure, but at least three rounds. Default: 5."
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="Time bfloat16 again instead of using the saved result.")
]

# The guide

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Port on 127.0.0.1; 0 picks any free port. Default: 8063, or any free port.",
    ),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address without opening a browser.")]
WriteGuide = Annotated[
    Path | None,
    typer.Option(
        "--write", metavar="FOLDER", help="Write the pages into this folder instead of serving them."
    ),
]

# Old scripts

Script = Annotated[
    Path, typer.Argument(metavar="SCRIPT", help="A Python file or a Jupyter notebook for Keras 1 or 2.")
]
WriteScript = Annotated[
    bool, typer.Option("--write", help="Replace SCRIPT by today's form; the old one is kept as SCRIPT.old.")
]
ToScript = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Write today's form to a new file.")
]

# Output

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not print progress to stderr.")]


def parse_size(text: str) -> tuple[int, int]:
    """Return 48 or 48x64 as (height, width).

    Raises:
        ConfigError: neither.
    """
    from tellapart.recipes.forms import size_from

    try:
        return size_from(text)
    except ConfigError as reason:
        raise ConfigError(f"--{reason}") from reason


def parse_target(text: str) -> float:
    """Return 63% or 0.63 as 0.63.

    Raises:
        ConfigError: neither.
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise ConfigError(f"--target is an accuracy between 0 and 1, such as 63% or 0.63; got {text!r}.")
    return share


def refuse_two_outputs(csv: str | None, as_json: bool) -> None:
    """Refuse --csv with --json, and an existing CSV file, before any work is done.

    Raises:
        ConfigError: either.
    """
    if csv is not None and as_json:
        raise ConfigError("Choose --csv or --json, not both.")
    if csv not in (None, "-") and Path(str(csv)).exists():
        raise ConfigError(f"{csv} already exists and is not overwritten. Choose another --csv FILE.")


def refuse_beside_out(out: Path | None, csv: str | None, as_json: bool, workers: int | None) -> None:
    """Refuse --csv and --json with --out, and --workers without it.

    Raises:
        ConfigError: any of these.
    """
    if out is not None and csv is not None:
        raise ConfigError(
            "Choose --out or --csv, not both. --out FILE.csv has the columns of --csv, and `error`."
        )
    if out is not None and as_json:
        raise ConfigError("Choose --out or --json, not both. --out FILE.jsonl has an object on each line.")
    if workers is not None and out is None:
        raise ConfigError("--workers is for predictions that are written to a file: give --out FILE.csv too.")


def refuse_empty(data: str | None) -> None:
    """Refuse an empty DATA, which a path would take for the current folder.

    Raises:
        ConfigError: it is empty.
    """
    if data is not None and not data.strip():
        raise ConfigError("DATA is empty. Give a known data set or a path; the current folder is a dot: .")
