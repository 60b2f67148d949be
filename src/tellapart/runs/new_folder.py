"""The folder of a new run: made, locked, and never one that holds something already."""

import os
import shlex
import time
from contextlib import ExitStack, suppress
from errno import EEXIST
from pathlib import Path

from tellapart.errors import ConfigError, SaveError
from tellapart.files import is_temporary, make_folder, sync_folder
from tellapart.runs.folder import RunFolder
from tellapart.runs.launch import LAUNCH, note_launch
from tellapart.runs.lock import is_of_lock, locked, refuse_held
from tellapart.text import described, file_name


def new_run_folder(out: str | Path | None, data_name: str, recipe: str, held: ExitStack) -> RunFolder:
    """Create the folder of a new run: `out`, or a dated one under `runs/`.

    Args:
        out: as given.
        data_name: of the data set.
        recipe: its name.
        held: gets the folder's lock.

    Raises:
        ConfigError: `out` holds something already, or another training has just begun there.
        SaveError: it cannot be created.
    """
    refuse_taken(out)
    path = Path("runs") if out is None else Path(out)
    try:
        make_folder(path)
        if out is None:
            path = _made_dated(path, f"{file_name(data_name)}-{recipe}")
    except OSError as reason:
        raise SaveError(
            f"{path} cannot be created ({reason.strerror or reason}). Choose another folder with --out."
        ) from reason
    held.enter_context(locked(path))
    refuse_taken(path)  # another training may have been faster
    folder = RunFolder(path)
    folder.remove_litter()
    note_launch(folder)
    return folder


def refuse_taken(out: str | Path | None) -> None:
    """Raise if the folder for a new run is taken.

    Raises:
        ConfigError: `out` is no path, a file, or a folder that holds more than a training leaves that never began; or
            another training is running there.
    """
    if out is not None and not isinstance(out, str | os.PathLike):
        raise ConfigError(f"out is the path of the run folder to make; got {described(out)}.")
    path = None if out is None else Path(out)
    if path is None or not path.exists():
        return
    folder = RunFolder(path)
    if path.is_dir() and not folder.can_resume and all(map(_is_of_no_run, path.iterdir())):
        return
    if path.is_dir() and folder.can_resume and not folder.is_finished:
        refuse_held(path)
        raise ConfigError(
            f"{path} holds a training that was not finished. Continue it with\n"
            f"  tellapart train --resume {shlex.quote(str(path))}\n"
            "or choose another folder with --out to begin anew."
        )
    raise ConfigError(
        f"{path} already exists, and a run is never overwritten. Choose another folder with --out."
    )


def _is_of_no_run(place: Path) -> bool:
    """Return whether a file is one of those that a training writes before `run.toml`."""
    return place.name in ("split.csv", LAUNCH) or is_of_lock(place) or is_temporary(place)


def _made_dated(parent: Path, name: str) -> Path:
    """Make a folder named after this second, which no other training got."""
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"
    for path in (parent / stem, *(parent / f"{stem}-{number}" for number in range(2, 1000))):
        with suppress(FileExistsError):
            path.mkdir()
            sync_folder(parent)
            return path
    raise FileExistsError(EEXIST, os.strerror(EEXIST), str(parent / stem))
