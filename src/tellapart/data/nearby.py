"""Nearby: where a path was looked for at which nothing is, and what may have been meant by it."""

import difflib
import os
from contextlib import suppress
from pathlib import Path

from tellapart.words import in_which_folder

WEB = ("http:/", "https:/")  # a Path has joined their two slashes


def nearly(path: Path) -> list[str]:
    """Paths beside it whose names are nearly its own, the likeliest first."""
    beside: list[str] = []
    with suppress(OSError):
        beside = [entry.name for entry in os.scandir(path.parent)]
    return [str(path.parent / name) for name in difflib.get_close_matches(path.name, beside, n=3)]


def no_such_picture(path: Path) -> str:
    """What to say of a picture that is not there, the path first."""
    if str(path).startswith(WEB):
        return f"{path}: an address in the web. Save the picture first, and give the path of the file."
    meant = nearly(path)
    advice = (
        f"Did you mean {' or '.join(meant)}?" if meant else "Give the path of the file, with its folders."
    )
    return f"{path}: no such file{in_which_folder(path)}. {advice}"
