"""The options of `data shard` that no other command has."""

from enum import StrEnum
from typing import Annotated

import typer


class ShardFormat(StrEnum):
    """The form of shards."""

    WEBDATASET = "webdataset"
    PARQUET = "parquet"


To = Annotated[
    str, typer.Option("--to", metavar="FOLDER", help="Folder to make; an existing one is refused.")
]
Format = Annotated[
    ShardFormat,
    typer.Option(
        "--format",
        help="webdataset: tar files of KEY.jpg and KEY.cls. parquet: tables of pictures and labels, as Hugging Face "
        "has them.",
    ),
]
ShardSize = Annotated[
    str | None,
    typer.Option("--shard-size", metavar="256MB", help="Size of a shard, about. Default: 256MB."),
]
PicturesPerShard = Annotated[
    int | None,
    typer.Option("--pictures-per-shard", metavar="N", help="Pictures of a shard, in place of its size."),
]
NoShuffle = Annotated[
    bool,
    typer.Option(
        "--no-shuffle",
        help="Keep the pictures in their order. Default: written in random order, set by --seed.",
    ),
]
