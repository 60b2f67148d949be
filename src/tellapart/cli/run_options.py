"""Arguments and options about runs: which ones, in which order, compared with what, and logged to where."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class RunOrder(StrEnum):
    """An order of runs."""

    DATE = "date"
    NAME = "name"
    DATA = "data"
    RECIPE = "recipe"
    ACCURACY = "accuracy"
    SECONDS = "seconds"
    STATE = "state"


RunFolders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FOLDER...]",
        help="Run folders, or folders that hold some. Default: runs.",
    ),
]
SortRuns = Annotated[
    RunOrder,
    typer.Option(
        "--sort",
        help="Order of the table. date: the newest first; accuracy: the highest first; seconds: the shortest first.",
    ),
]
Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="A run folder; with --compare, two or more.",
    ),
]
Compare = Annotated[bool, typer.Option("--compare", help="Compare two or more runs with a paired test.")]
CompareOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE.html",
        help="With --compare: the page to write. It replaces that of an earlier comparison. Default: comparison.html.",
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="tensorboard|trackio|wandb|mlflow[,...]|none",
        help="Send the curves to trackers too, each an extra; all stay on this machine unless a tracker is set up "
        "otherwise. With --resume, the default is the trackers that the run had.",
    ),
]
