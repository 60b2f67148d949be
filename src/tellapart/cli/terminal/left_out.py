"""What a folder holds and is left out, in a line for each reason: how many, why, and the first names."""

from collections.abc import Sequence
from pathlib import PurePath

from tellapart.cli.terminal.console import counted, one_line
from tellapart.data.decode import PICTURE_SUFFIXES

NAMED = 3

WHY = {
    "picture": "outside the class folders",
    "folder": "beside those of train, validation and test",
    "file": "whose ending is no picture's",
}


def left_out_of_folders(names: Sequence[str]) -> list[str]:
    """The lines.

    Args:
        names: relative paths, as `Dataset.ignored` has them.
    """
    lines = []
    for kind, why in WHY.items():
        of_kind = [name for name in names if _kind(name) == kind]
        if of_kind:
            more = f" and {len(of_kind) - NAMED:,} more" if len(of_kind) > NAMED else ""
            named = ", ".join(of_kind[:NAMED])
            lines.append(one_line(f"Left out {counted(len(of_kind), kind)} {why}: {named}{more}"))
    return lines


def _kind(name: str) -> str:
    if name.endswith("/"):
        return "folder"
    return "picture" if PurePath(name).suffix.lower() in PICTURE_SUFFIXES else "file"
