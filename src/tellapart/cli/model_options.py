"""The options that say how a model is used that tellapart did not save; every command that uses one has them."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from tellapart.cli import options
from tellapart.cli.option_groups import grouped


class Pixels(StrEnum):
    """On which pixels a network was trained."""

    RAW = "0-255"
    UNIT = "0-1"
    SIGNED = "-1-1"
    IMAGENET = "imagenet"
    CAFFE = "caffe"


class Resampling(StrEnum):
    """How pixels were made smaller."""

    BILINEAR = "bilinear"
    NEAREST = "nearest"
    ANTIALIASED = "antialiased"


PixelsOption = Annotated[
    Pixels | None,
    typer.Option(
        "--pixels",
        help="For a model that tellapart did not save: the pixels it was trained on. 0-1: x / 255. -1-1: "
        "x / 127.5 - 1. imagenet: ImageNet's means and deviations. caffe: blue, green, red around their means. "
        "Default: what its layers show, or 0-255.",
    ),
]
PolicyOption = Annotated[
    options.Policy | None,
    typer.Option(
        "--policy",
        help="For such a model: how pictures were brought to its size. Default: stretch, as Keras's loaders do.",
    ),
]
ResamplingOption = Annotated[
    Resampling | None,
    typer.Option(
        "--resampling",
        help="For such a model. bilinear: as image_dataset_from_directory. nearest: as flow_from_directory and "
        "load_img. Default: bilinear.",
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="FILE|a,b,c",
        help="For such a model: class names in the order of its outputs. A file with one name a line, lines such as "
        "0 cat, or JSON; the folder of its training; or the names themselves.",
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="224|224x160", help="For a model of any size: height x width of its pictures."
    ),
]

OPTIONS = {
    "pixels": PixelsOption,
    "policy": PolicyOption,
    "resampling": ResamplingOption,
    "class_names": ClassesOption,
    "size": SizeOption,
}
"""Parameter -> option. `with_model_options` puts them in the place of a command's parameter `said`."""


def _said(chosen: dict[str, Any]) -> dict[str, Any]:
    if chosen["size"] is not None:
        chosen["size"] = options.parse_size(chosen["size"])
    return {name: str(value) if isinstance(value, StrEnum) else value for name, value in chosen.items()}


with_model_options = grouped("said", OPTIONS, _said)
"""Gives a command these options; its parameter `said` gets them as the keywords of `tellapart.load`."""
