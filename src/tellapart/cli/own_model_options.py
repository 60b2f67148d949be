"""The options of `train` for a Keras model of one's own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli.model_options import Pixels
from tellapart.cli.option_groups import grouped

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="FILE.keras",
        help="Train this Keras model instead of a recipe's network, with its own optimizer, loss and metrics where it "
        "is compiled. One output for each class, or one sigmoid for two classes.",
    ),
]
PixelsOption = Annotated[
    Pixels | None,
    typer.Option(
        "--pixels",
        help="With --model: the pixels it wants. 0-1: x / 255. -1-1: x / 127.5 - 1. imagenet: ImageNet's means and "
        "deviations. caffe: blue, green, red around their means. Default: 0-255 where a layer of it scales them, else "
        "0-1. The saved model reads 0-255 in any case.",
    ),
]


def _given(chosen: dict[str, Any]) -> dict[str, Any]:
    return {"model": chosen["model"], "pixels": chosen["pixels"] and chosen["pixels"].value}


with_own_model_options = grouped("own", {"model": ModelOption, "pixels": PixelsOption}, _given)
"""Gives `train` these options; its parameter `own` gets them as keywords of `tellapart.train`."""
