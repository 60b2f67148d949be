"""Nearby: where a path was looked for at which nothing is, and what may have been meant by it."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

LARGEST = 1_000
"""Entries of a folder in which names are compared: among very many, much is alike, and looking takes long."""

WEB = ("http:/", "https:/")  # a Path has joined their two slashes


def nearly(path: Path) -> list[str]:
    """Paths beside it whose names are nearly its own, the likeliest first."""
    beside: list[str] = []
    with suppress(OSError):
        beside = [
            entry.name for entry in islice(os.scandir(path.parent), LARGEST + 1) if entry.name != path.name
        ]
    if len(beside) > LARGEST:
        return []
    return [str(path.parent / name) for name in difflib.get_close_matches(path.name, beside, n=3)]


def is_web_address(path: Path) -> bool:
    """Whether somebody gave an address of the web for a path."""
    return str(path).lower().startswith(WEB)


def no_such_picture(path: Path) -> str:
    """What to say of a picture that is not there, the path first."""
    if is_web_address(path):
        address = str(path).replace(":/", "://", 1)
        return f"{address}: an address in the web. Save the picture first, and give the path of its file."
    if path.is_symlink():
        return f"{path}: a link to {os.readlink(path)}, where nothing is."
    meant = nearly(path)
    advice = (
        f"Did you mean {' or '.join(meant)}?" if meant else "Give the path of the file, with its folders."
    )
    return f"{path}: no such file{in_which_folder(path)}. {advice}"


def in_which_folder(path: Path) -> str:
    """Where a path was looked for, to be said behind it; nothing of one that says it itself."""
    return "" if path.is_absolute() else f" in the current folder, {Path.cwd()}"


def cache_folder() -> Path:
    """Where downloads are kept: `tellapart` in XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tellapart"
