"""Paths in errors: what to say where nothing lies at a path, and which similar names there are."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

LARGEST_FOLDER = 1_000
"""Entries of a folder up to which names are compared: among very many, too many are similar."""

MODEL_IN_RUN = "model.keras"
"""The trained model in a run folder."""

SETTINGS_IN_RUN = "run.toml"
"""The file that makes a folder a run folder."""

_WEB = ("http:/", "https:/")  # a Path has joined their two slashes


def with_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with ~ as the user's home; `Path.expanduser` raises where there is no such user."""
    return Path(os.path.expanduser(path))


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without links; `Path.resolve` raises where links lead in a circle."""
    try:
        return Path(os.path.realpath(with_home(path)))
    except ValueError:  # a zero byte: nothing can lie there
        return with_home(path).absolute()


def similar_paths(path: Path) -> list[str]:
    """Return paths in the same folder with a similar name, whatever the case, the most similar first."""
    beside: list[str] = []
    with suppress(OSError):
        beside = [
            entry.name
            for entry in islice(os.scandir(path.parent), LARGEST_FOLDER + 1)
            if entry.name != path.name
        ]
    if len(beside) > LARGEST_FOLDER:
        return []
    by_case: dict[str, list[str]] = {}
    for name in beside:
        by_case.setdefault(name.casefold(), []).append(name)
    alike = difflib.get_close_matches(path.name.casefold(), by_case, n=3)
    return [str(path.parent / name) for key in alike for name in by_case[key]][:3]


def near_names(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" where a name is like known ones; else nothing.

    Args:
        name: as given.
        known: the names that there are.
    """
    by_case = {each.casefold(): each for each in known}
    near = [by_case[key] for key in difflib.get_close_matches(name.casefold(), by_case, n=2)]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def is_web_address(path: Path) -> bool:
    """Return whether a path is a web address."""
    return str(path).lower().startswith(_WEB)


def no_such_picture(path: Path) -> str:
    """Return the error for an image file that does not exist; it begins with the path."""
    if is_web_address(path):
        address = str(path).replace(":/", "://", 1)
        return f"{address}: web addresses are not supported. Download the picture first, then give its path."
    if path.is_symlink():
        return f"{path}: a broken link to {os.readlink(path)}. Correct the link, or give the path of the file itself."
    similar = similar_paths(path)
    advice = f"Did you mean {' or '.join(similar)}?" if similar else "Check the name, or give the full path."
    return f"{path}: no such file{in_which_folder(path)}. {advice}"


def in_which_folder(path: Path) -> str:
    """Return the words for the folder that a relative path was looked for in; empty for an absolute path."""
    return "" if path.is_absolute() else f" in the current folder, {Path.cwd()}"


def cache_folder() -> Path:
    """Return the folder of downloads: `tellapart` in XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tellapart"
