"""Predicting: the pictures that somebody points at, however many, and the answers as plain values.

Pictures are read and asked about a few hundred at a time, so a folder of any size fits in memory.
"""

import csv
import io
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.classifier.classifier import Classifier, Prediction
from tellapart.classifier.model_file import is_model_file
from tellapart.data.decode import PICTURE_SUFFIXES
from tellapart.data.natural import natural_key
from tellapart.data.sources.folder import is_hidden
from tellapart.data.store import Refused
from tellapart.data.unreadable import unreadable_is_bad_data
from tellapart.errors import ConfigError, DataError, ModelError
from tellapart.models.pretrained import NAMES, model_meant, shipped_model
from tellapart.paths import is_web_address, nearly, no_such_picture
from tellapart.text import in_which_folder

AT_A_TIME = 500
"""Pictures in memory."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier says of many pictures."""

    class_names: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    refused: tuple[Refused, ...]
    """Pictures that could not be read."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "predictions": [
                {
                    "picture": answer.picture,
                    "predicted": answer.names[0],
                    "probabilities": dict(zip(answer.names, answer.probabilities, strict=True)),
                }
                for answer in self.predictions
            ],
            "unreadable": [{"picture": refused.id, "reason": refused.reason} for refused in self.refused],
        }

    def exit_code(self, named: set[str]) -> int:
        """That of bad data where a picture named by itself could not be read, or none could; else 0."""
        lacks_named = any(refused.id in named for refused in self.refused)
        return DataError.exit_code if lacks_named or not self.predictions else 0

    def to_csv(self) -> str:
        """A line for each picture: its path, the likeliest class, and each named class's probability."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("picture", "predicted", *self.class_names))
        for answer in self.predictions:
            share = dict(zip(answer.names, answer.probabilities, strict=True))
            writer.writerow(
                (answer.picture, answer.names[0], *(share.get(name, "") for name in self.class_names))
            )
        return text.getvalue()


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
    if first.suffix.lower() not in PICTURE_SUFFIXES and not first.exists():
        kind = ModelError if others else ConfigError
        meant = nearly(first)
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
        pictures = (one for one in path.rglob("*") if one.suffix.lower() in PICTURE_SUFFIXES)
        if runs and any(runs.isdisjoint(picture.parents) for picture in pictures):
            return []
        return sorted(runs, key=lambda run: -run.stat().st_mtime)


def _is_model(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).exists() for name in ("model.keras", "run.toml"))
    return is_model_file(path) or (str(path) in NAMES and not path.exists())


def pictures_meant(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Each file itself; for a folder every picture in it, however deep, in the order a person expects.

    Returns:
        The pictures; and what else the folders hold: files whose ending is no picture's, hidden ones not among them.

    Raises:
        DataError: a folder without pictures, or one that cannot be read.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in paths:
        with unreadable_is_bad_data(path):
            pictures, left_out = _inside(path) if path.is_dir() else ([path], [])
        found += pictures
        others += left_out
    return found, others


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    pictures: list[Path] = []
    others: list[Path] = []
    for place, _, names in os.walk(folder, onerror=_stop):
        for path in (Path(place, name) for name in names if not is_hidden(name)):
            (pictures if path.suffix.lower() in PICTURE_SUFFIXES else others).append(path)
    if not pictures:
        raise DataError(
            f"{folder}: no pictures in it (looked for {', '.join(sorted(PICTURE_SUFFIXES)[:6])} and others, "
            f"folders within included; other files in it: {len(others):,})."
        )
    return _sorted(pictures), _sorted(others)


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))


def _stop(reason: OSError) -> None:
    """os.walk would pass silently over a folder that it cannot read."""
    raise reason


def predict_all(
    classifier: Classifier,
    pictures: Sequence[Path],
    top: int | None,
    progress: Callable[[int, int], None],
    precision: str = "float32",
) -> Answers:
    """Ask about every picture.

    Args:
        classifier: whom to ask.
        pictures: files.
        top: how many classes to name for each; None for all.
        progress: called with (pictures done, pictures in all).
        precision: as in `Classifier.probabilities`.
    """
    predictions: list[Prediction] = []
    refused: list[Refused] = []
    for start in range(0, len(pictures), AT_A_TIME):
        answered, left_out = classifier.predict(pictures[start : start + AT_A_TIME], top, precision)
        predictions += answered
        refused += left_out
        progress(min(start + AT_A_TIME, len(pictures)), len(pictures))
    return Answers(classifier.class_names, tuple(predictions), tuple(refused))
