"""The command line's arguments and options, named once and shared by the commands.

Every option changes one field of a Run, or says where things go. Defaults live in the recipes.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tellapart.errors import ConfigError

CLASSES_SHOWN = 3
"""For each picture on the terminal, unless --top says otherwise."""


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


class SplitName(StrEnum):
    """A part of the data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


TrainData = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA", help="A known set's name (see `tellapart data list`), a folder, an .npz or parquet."
    ),
]
EvaluateData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="As for train. Left away: the test pictures of the run itself."),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A run folder, a .keras or an .h5 file; or cifar10 or digits, where no path has that name.",
    ),
]
ModelOrRecipe = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|RECIPE",
        help="A recipe, a run folder, a model file; or cifar10 or digits, where no path has that name.",
    ),
]
ModelAndPictures = Annotated[
    list[Path],
    typer.Argument(
        metavar="[MODEL] PICTURE|FOLDER...",
        help="A run folder, .keras, .h5, or cifar10 (default) or digits where no path has that name; then "
        "picture files or folders.",
    ),
]
SetName = Annotated[str, typer.Argument(metavar="NAME", help="One of `tellapart data list`.")]
SetOrFolder = Annotated[
    str, typer.Argument(metavar="NAME", help="A known set, or the path of your own pictures.")
]

Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="quick|fast|accurate|best|first-cnn",
        help="quick (default); fast: more, in minutes; accurate: more yet; best: for a GPU; first-cnn: the tutorial.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="63%|0.63",
        help="Stop at this validation accuracy; takes fast, unless told.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", help="Passes over the pictures."),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Pictures per step.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of everything random.")]
NoAugment = Annotated[bool, typer.Option("--no-augment", help="Learn from the pictures as they are.")]
TrainPrecision = Annotated[
    Precision | None,
    typer.Option("--precision", help="Arithmetic; auto: bfloat16 where it is native."),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Go on with a training that was stopped."),
]
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="48|48x64", help="Side, or height x width, in pixels."),
]
PolicyOption = Annotated[
    Policy | None,
    typer.Option("--policy", help="For pictures of other proportions."),
]
ValidationShare = Annotated[
    float | None,
    typer.Option("--validation-share", help="Of the training pictures, to score epochs."),
]
TestShare = Annotated[
    float | None,
    typer.Option("--test-share", help="Of the pictures, where no test split exists."),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE.csv",
        help="file,label of a folder without class folders.",
    ),
]
Predictions = Annotated[
    int | None,
    typer.Option("--predictions", help="Test pictures to show at the end (20)."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The run folder to make (runs/<date>-...)."),
]
SaveTo = Annotated[
    Path | None,
    typer.Option(
        "--save-to",
        metavar="PATH",
        help="Save the model there too: a .keras or .h5 file; or a folder, in it as DATA-RECIPE.h5 "
        "(first-cnn's as keras_first_cnn_test.h5, like the tutorial's).",
    ),
]
BenchRecipe = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name.")]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=0, max=3600, help="To go on for, three rounds at least (5)."),
]
Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="A run folder; several with --compare.")]
Compare = Annotated[
    bool, typer.Option("--compare", help="Hold two or more runs against each other, by a paired test.")
]
Asked = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="Ask about this class too; may be given several times."),
]
PagesOut = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Where the pages go, one for each picture.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Again = Annotated[
    bool, typer.Option("--again", help="Time bfloat16 now, rather than tell what was timed before.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
SplitOption = Annotated[SplitName | None, typer.Option("--split", help="Which pictures to score (test).")]
PredictionPrecision = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Arithmetic; bfloat16: faster, 1 in 1,000 another class. auto: where native.",
    ),
]
ScorePrecision = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="Arithmetic (a run's own; else float32); 1 in 1,000 gets another class by another.",
    ),
]
Top = Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="The N likeliest classes only.")]
Csv = Annotated[
    str | None, typer.Option("--csv", metavar="FILE|-", help="Write CSV to a new file, or to stdout.")
]
SummarySize = Annotated[str | None, typer.Option("--size", metavar="32x32", help="Of a recipe's pictures.")]
Channels = Annotated[int | None, typer.Option("--channels", help="Of a recipe's pictures: 3 or 1 (3).")]
Classes = Annotated[int | None, typer.Option("--classes", help="To tell apart, of a recipe (10).")]


def parse_size(text: str) -> tuple[int, int]:
    """48 or 48x64 as (height, width).

    Raises:
        ConfigError: neither.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?", text.strip().lower())
    if match is None:
        raise ConfigError(f"--size is a side or height x width in pixels, such as 48 or 48x64; got {text!r}.")
    height = int(match[1])
    return height, int(match[2] or height)


def parse_target(text: str) -> float:
    """63% or 0.63 as 0.63.

    Raises:
        ConfigError: neither.
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise ConfigError(f"--target is an accuracy between 0 and 1, such as 63% or 0.63; got {text!r}.")
    return share


def refuse_two_outputs(csv: str | None, as_json: bool) -> None:
    """Refuse --csv with --json, and a CSV file that is there already, before any work is done.

    Raises:
        ConfigError: either.
    """
    if csv is not None and as_json:
        raise ConfigError("--csv and --json are two forms of one answer: choose one.")
    if csv not in (None, "-") and Path(str(csv)).exists():
        raise ConfigError(f"{csv} is there already and is not overwritten. Choose another --csv FILE.")


def refuse_empty(data: str | None) -> None:
    """Refuse an empty DATA, which a path would take for the current folder.

    Raises:
        ConfigError: it is empty.
    """
    if data is not None and not data.strip():
        raise ConfigError("DATA is empty. Give a known set's name or a path; the current folder is a dot: .")


Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="To listen on at 127.0.0.1; 0 for any that is free."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only say the address.")]
WriteGuide = Annotated[
    Path | None,
    typer.Option(
        "--write", metavar="FOLDER", help="Write the pages there instead, to be opened from the disk."
    ),
]
