"""Which model is meant: decided here and nowhere else."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from tellapart.classifier.model_file import is_model_file
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.errors import ConfigError, ModelError
from tellapart.files import unreadable_is_bad_data
from tellapart.models.pretrained import HOME, NAMES, shipped_model
from tellapart.paths import in_which_folder, is_web_address, similar_paths, no_such_picture


def named(model: str | Path) -> str:
    """A model as people call it: by its name where it comes along, else by its path."""
    path = Path(model)
    return path.stem if path.parent == HOME else str(path)


def taken_name(text: str | Path) -> str:
    """What to say where a path has the name of a model that comes along, and so is meant; else nothing."""
    path = Path(text)
    if str(text) not in NAMES or not path.exists():
        return ""
    kind = "folder" if path.is_dir() else "file"
    return f"{text}: the {kind} of that name is meant, not the model that comes along."


def model_meant(text: str | Path) -> Path:
    """A model by its path; by the name of one that comes along, where no file or folder has that name."""
    path = Path(text)
    return path if path.exists() or str(text) not in NAMES else shipped_model(str(text))


def model_path(path: Path) -> Path:
    """The model file meant by a path: itself, or the `model.keras` of a run folder."""
    return path / "model.keras" if path.is_dir() else path


def model_and_pictures(named: Sequence[Path], command: str = "predict") -> tuple[Path, list[Path]]:
    """What is meant by `[MODEL] PICTURE...`: the first is a picture unless it is known to be a model.

    Args:
        named: on the command line.
        command: that was given, for what is said.

    Returns:
        The model's path, that of the CIFAR-10 classifier that comes along where none is named; the rest.

    Raises:
        ConfigError: a model and no picture; a single path, where nothing is, that may mean either; or a folder
            of run folders.
        ModelError: the first of several paths is such.
    """
    first, *others = named
    if _is_model(first):
        if not others:
            raise ConfigError(
                f"Which pictures? Give some after the model: tellapart {command} {first} PICTURE.jpg"
            )
        return model_meant(first), others
    if is_web_address(first):
        raise ConfigError(no_such_picture(first))
    if first.suffix.lower() not in IMAGE_SUFFIXES and not first.exists():
        kind = ModelError if others else ConfigError
        meant = similar_paths(first)
        raise kind(
            f"{first}: no such file or folder{in_which_folder(first)}. "
            f"{f'Did you mean {meant[0]}? ' if meant else ''}Accepted: a model, which may be left away (a "
            f"run folder, a .keras or an .h5 file, {' or '.join(NAMES)}), then pictures, files or folders of them. "
            f"For one picture: tellapart {command} PICTURE.jpg; to train a model of your own: tellapart train DATA"
        )
    if runs := _only_runs_in(first):
        newest = " or ".join(shlex.quote(str(run)) for run in runs[:3])
        raise ConfigError(f"{first} holds trainings and is none itself. Did you mean {newest}?")
    return shipped_model(), list(named)


def _only_runs_in(path: Path) -> list[Path]:
    """The run folders in a folder, the newest first; none where it holds other pictures than theirs."""
    if not path.is_dir():
        return []
    with unreadable_is_bad_data(path):
        runs = {one.parent for one in path.glob("*/run.toml")}
        pictures = (one for one in path.rglob("*") if one.suffix.lower() in IMAGE_SUFFIXES)
        if runs and any(runs.isdisjoint(picture.parents) for picture in pictures):
            return []
        return sorted(runs, key=lambda run: -run.stat().st_mtime)


def _is_model(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).exists() for name in ("model.keras", "run.toml"))
    return is_model_file(path) or (str(path) in NAMES and not path.exists())
