"""What `data shard` prints."""

from typing import Any

from tellapart.api.shard import Shards
from tellapart.api.shard import shard as write_shards
from tellapart.cli.terminal.console import command, note, say, say_json
from tellapart.cli.terminal.progress import ProgressListener
from tellapart.text import counted

NAMED = 5
"""Pictures that were left out, at most."""


def write(data: str, to: str, settings: dict[str, Any], as_json: bool, quiet: bool) -> None:
    """Write shards, and print what was written.

    Args:
        data: as for `open_dataset`.
        to: the folder to make.
        settings: keywords of `tellapart.shard`.
        as_json: whether to print one JSON object.
        quiet: whether to show no progress.
    """
    with ProgressListener(quiet=quiet) as listener:
        shards = write_shards(data, to, listener=listener, **settings)
    if as_json:
        say_json(_as_dict(shards))
        return
    sizes = ", ".join(f"{count:,} {split}" for split, count in shards.pictures.items())
    say(
        f"{sizes} pictures in {counted(len(shards.index.shards), 'shard')}, {shards.bytes_in_all / 1e6:,.1f} MB"
    )
    for words in shards.left_out[:NAMED]:
        note(f"Left out {words}")
    if len(shards.left_out) > NAMED:
        note(f"and {len(shards.left_out) - NAMED:,} more")
    say(f"Next: {command('train', str(to))}")


def _as_dict(shards: Shards) -> dict[str, Any]:
    return {
        "folder": str(shards.folder),
        "format": shards.index.kind,
        "class_names": list(shards.index.class_names),
        "pictures": shards.pictures,
        "bytes": shards.bytes_in_all,
        "shards": [shard.name for shard in shards.index.shards],
        "left_out": list(shards.left_out),
    }
