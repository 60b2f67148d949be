"""Which model a path or a name means: decided here and nowhere else."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.classifier.model_file import is_model_file
from tellapart.classifier.other_formats import other_format, refuse_other_format
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.sources.walk import walk
from tellapart.errors import ConfigError, ModelError
from tellapart.files import unreadable_is_bad_data
from tellapart.models.pretrained import HOME, NAMES, built_in, pretrained_model
from tellapart.paths import (
    MODEL_IN_RUN,
    SETTINGS_IN_RUN,
    in_which_folder,
    is_web_address,
    no_such_picture,
    similar_paths,
    with_home,
)
from tellapart.text import described

_NAMES_LISTED = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"


def resolve_model(model: str | os.PathLike[str]) -> Path:
    """Return the path that is meant: of a run folder, of a model file, or of a built-in model by its name.

    A file or folder with the name of a built-in model comes first.

    Raises:
        ModelError: it is neither a path nor a name.
    """
    if not isinstance(model, str | os.PathLike) or not os.fspath(model):
        raise ModelError(_no_path(model))
    path = with_home(model)
    return path if path.exists() or os.fspath(model) not in NAMES else pretrained_model(os.fspath(model))


def is_in_memory(model: Any) -> bool:
    """Return whether this is a Keras model itself, not its file; Keras need not be imported to tell."""
    return any(
        kind.__module__.startswith("keras.") and kind.__name__ == "Model" for kind in type(model).__mro__
    )


def _no_path(model: Any) -> str:
    """Say what is wrong with a model that is neither a path nor a name."""
    if is_in_memory(model):
        return (
            f"Got {type(model).__name__}, a Keras model in memory; here a model is given by its file. Save it with "
            "model.save('model.keras') and pass 'model.keras'."
        )
    return (
        f"A model is a run folder, a .keras or an .h5 file, {_NAMES_LISTED}, or in Python a Classifier; "
        f"got {described(model)}."
    )


def model_file(model: str | os.PathLike[str]) -> Path:
    """Return the model file that is meant; for a run folder, the model in it.

    Raises:
        ModelError: it is neither a path nor a name, a model of another library, or the folder of a run that was
            stopped before it had a model.
    """
    path = resolve_model(model)
    refuse_other_format(path)
    if not path.is_dir():
        return path
    if (path / SETTINGS_IN_RUN).is_file() and not (path / MODEL_IN_RUN).exists():
        raise ModelError(
            f"{path} holds no model: its training was stopped before it was finished. Continue it with\n"
            f"  tellapart train --resume {shlex.quote(str(path))}"
        )
    return path / MODEL_IN_RUN


def run_folder_of(model: str | os.PathLike[str]) -> Path | None:
    """Return the run folder that is meant; None for a model file or a built-in model."""
    path = resolve_model(model)
    return path if (path / SETTINGS_IN_RUN).is_file() else None


def display_name(model: str | Path) -> str:
    """Return how a model is called: a built-in one by its name, any other by its path."""
    path = Path(model)
    return path.stem if path.parent == HOME else str(path)


def title_of(model: str | Path) -> str:
    """Return what a sentence calls a model: "the built-in ImageNet model", or the path of any other."""
    model_in_package = built_in(Path(model))
    return display_name(model) if model_in_package is None else model_in_package.title


def shadow_warning(model: str | Path) -> str:
    """Return a warning where a path shadows the built-in model of the same name, else an empty string."""
    path = Path(model)
    if str(model) not in NAMES or not path.exists():
        return ""
    kind = "folder" if path.is_dir() else "file"
    return f"{model}: using the {kind} of that name, not the built-in model."


def model_and_pictures(paths: Sequence[Path], command: str = "predict") -> tuple[Path, list[Path]]:
    """Split `[MODEL] PICTURE...`: the first path is a picture unless it is known to be a model.

    Args:
        paths: as given on the command line.
        command: for error messages.

    Returns:
        The model's path, by default that of the built-in ImageNet model; and the pictures.

    Raises:
        ConfigError: a model and no picture; a single path that does not exist; or a folder of run folders.
        ModelError: the first of several paths does not exist.
    """
    first, *others = paths
    if is_model(first):
        if not others:
            raise ConfigError(
                f"Which pictures? Give some after the model: tellapart {command} {first} PICTURE.jpg"
            )
        return resolve_model(first), others
    if is_web_address(first):
        raise ConfigError(no_such_picture(first))
    if first.suffix.lower() not in IMAGE_SUFFIXES and not first.exists():
        raise _no_such_path(first, command, alone=not others)
    if runs := _only_runs_in(first):
        newest = " or ".join(shlex.quote(str(run)) for run in runs[:3])
        raise ConfigError(f"{first} is a folder of run folders. Did you mean {newest}?")
    return pretrained_model(), list(paths)


def _no_such_path(path: Path, command: str, *, alone: bool) -> ConfigError | ModelError:
    similar = similar_paths(path)
    message = (
        f"{path}: no such file or folder{in_which_folder(path)}. "
        f"{f'Did you mean {similar[0]}? ' if similar else ''}Accepted: optionally a model (a run folder, a "
        f".keras or an .h5 file, {_NAMES_LISTED}), then pictures, files or folders of them. "
        f"For one picture: tellapart {command} PICTURE.jpg; to train a model of your own: tellapart train DATA"
    )
    return ConfigError(message) if alone else ModelError(message)


def _only_runs_in(path: Path) -> list[Path]:
    """Return the run folders in a folder, the newest first; none where it holds other pictures than theirs."""
    if not path.is_dir():
        return []
    with unreadable_is_bad_data(path):
        runs = {settings.parent for settings in path.glob(f"*/{SETTINGS_IN_RUN}")}
        pictures = walk(path).every_image() if runs else iter(())
        if any(runs.isdisjoint(Path(picture).parents) for picture in pictures):
            return []
        return sorted(runs, key=lambda run: -run.stat().st_mtime)


def is_model(path: Path) -> bool:
    """Return whether a path or a name is known to mean a model, and not a picture."""
    if path.exists() and other_format(path) is not None:
        return True
    if path.is_dir():
        return any((path / name).exists() for name in (MODEL_IN_RUN, SETTINGS_IN_RUN))
    return is_model_file(path) or (str(path) in NAMES and not path.exists())
