"""`runs`: a list of run folders."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError, DataError
from tellapart.paths import in_which_folder, similar_paths, with_home
from tellapart.runs.listing import Runs, list_runs
from tellapart.text import described

DEFAULT_FOLDER = "runs"
"""Where `train` makes run folders."""


def runs(*folders: str | Path | Sequence[str | Path], sort: str = "date") -> Runs:
    """List run folders: data, recipe, test accuracy with its 95% interval, seconds, date and state.

    Reads text files alone, so that it answers at once. A damaged run is listed too, with what is wrong with it.

    Args:
        *folders: run folders, or folders that hold some, at any depth; or one list of them. Default: `runs`.
        sort: "date" (the newest first), "accuracy" (the highest first; then runs on several labels, by
            mean average precision), "seconds" (the shortest first), "name", "data",
            "recipe" or "state". Runs without that figure come last.

    Returns:
        A sequence of `RunSummary`; `damaged` and `sorted(order)` are sequences again, `to_dict()` plain values.

    Raises:
        ConfigError: an unknown order, or what is no folder's name.
        DataError: a folder does not exist, or none of them holds a run.
    """
    is_list = len(folders) == 1 and isinstance(folders[0], list | tuple)
    given: Sequence[Any] = folders[0] if is_list else folders  # type: ignore[assignment]
    if odd := [folder for folder in given if not isinstance(folder, str | os.PathLike)]:
        raise ConfigError(f"runs takes run folders, or folders that hold some; got {described(odd[0])}.")
    places = [with_home(folder) for folder in given or (DEFAULT_FOLDER,)]
    for place in places:
        _refuse_missing(place, is_default=not given)
    listed = list_runs(places, sort)
    if not listed:
        where = ", ".join(map(str, places))
        raise DataError(
            f"{where}: no run folder here or below. `tellapart train DATA` makes one in {DEFAULT_FOLDER}/."
            + "".join(f" {words}." for words in listed.closed)
        )
    return listed


def _refuse_missing(place: Path, *, is_default: bool) -> None:
    """Raise if a folder cannot be listed.

    Raises:
        DataError: there is none, or it is a file.
    """
    if place.is_dir():
        return
    if place.exists():
        raise DataError(f"{place} is a file. `runs` takes run folders, or folders that hold some.")
    where = in_which_folder(place)
    if is_default:
        raise DataError(
            f"There is no folder {place}{where}. `tellapart train DATA` makes it; list others with "
            "`tellapart runs FOLDER`."
        )
    similar = similar_paths(place)
    advice = f"Did you mean {similar[0]}?" if similar else "Check the name, or give the full path."
    raise DataError(f"{place}: no such folder{where}. {advice}")
