"""The options that say where labels are and how to read them; `train` and `evaluate` share them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli.option_groups import grouped

LabelFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Labels for pictures that are not sorted into class folders: a CSV, JSON, JSON Lines or Parquet file with "
        "one row per picture, such as file,label.",
    ),
]
PathColumn = Annotated[
    str | None,
    typer.Option(
        "--path-column",
        metavar="NAME|NUMBER",
        help="Column with each picture's path: its header, or its number from 1. Default: detected automatically.",
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME|NUMBER",
        help="Column with each picture's class: its header, or its number from 1. Default: detected automatically.",
    ),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split-column",
        metavar="NAME|NUMBER|none",
        help="Column that says train, validation or test. none: ignore such columns. Default: detected automatically.",
    ),
]
Names = Annotated[
    Path | None,
    typer.Option(
        "--names",
        metavar="FILE",
        help="Class names, where labels are numbers or codes. A file with one name per line, with lines such as 3 cat, "
        "or in JSON or YAML.",
    ),
]
LabelPattern = Annotated[
    str | None,
    typer.Option(
        "--label-pattern",
        metavar="REGEX",
        help="Read the class from each picture's path with a regular expression: it is the group named label, as in "
        "'(?P<label>[a-z]+)_[0-9]+'.",
    ),
]

ClassDepth = Annotated[
    int | None,
    typer.Option(
        "--class-depth",
        metavar="N",
        help="Use the folders N levels below DATA as classes; 1 means those directly in it. Default: detected from the "
        "folder names.",
    ),
]

MultiLabel = Annotated[
    bool | None,
    typer.Option(
        "--multi-label",
        help="A picture may have several labels, or none: one column of labels such as cat|dog, columns of 0 and 1, or "
        "several rows per picture.",
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        "--label-separator",
        metavar="SIGN|space|json|none",
        help="With --multi-label: what divides the labels in a cell. none: a cell is one label. Default: detected "
        "automatically.",
    ),
]


OPTIONS = {
    "labels": LabelFile,
    "path_column": PathColumn,
    "label_column": LabelColumn,
    "split_column": SplitColumn,
    "names": Names,
    "label_pattern": LabelPattern,
    "class_depth": ClassDepth,
    "multi_label": MultiLabel,
    "label_separator": LabelSeparator,
}
"""Parameter -> option. `with_label_options` puts them in the place of a command's parameter `labels`."""


def _labels(chosen: dict[str, Any]) -> Any:
    from tellapart.data.sources.label_choice import labels_from

    return labels_from(chosen)


with_label_options = grouped("labels", OPTIONS, _labels)
"""Gives a command these options; its parameter `labels` gets what they say, None where they say nothing."""
