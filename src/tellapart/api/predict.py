"""Predicting: the pictures that somebody points at, however many, and the answers as plain values.

Pictures are read and asked about a few hundred at a time, so a folder of any size fits in memory.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.classifier.classifier import Classifier, Prediction
from tellapart.data.decode import PICTURE_SUFFIXES
from tellapart.data.sources.folder import is_hidden
from tellapart.data.store import UnreadableImage
from tellapart.errors import DataError
from tellapart.files import unreadable_is_bad_data
from tellapart.text import natural_key

AT_A_TIME = 500
"""Pictures in memory."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a classifier says of many pictures."""

    class_names: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    unreadable: tuple[UnreadableImage, ...]
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
            "unreadable": [
                {"picture": unreadable.id, "reason": unreadable.reason} for unreadable in self.unreadable
            ],
        }

    def exit_code(self, named: set[str]) -> int:
        """That of bad data where a picture named by itself could not be read, or none could; else 0."""
        lacks_named = any(unreadable.id in named for unreadable in self.unreadable)
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
) -> Predictions:
    """Ask about every picture.

    Args:
        classifier: whom to ask.
        pictures: files.
        top: how many classes to name for each; None for all.
        progress: called with (pictures done, pictures in all).
        precision: as in `Classifier.probabilities`.
    """
    predictions: list[Prediction] = []
    unreadable: list[UnreadableImage] = []
    for start in range(0, len(pictures), AT_A_TIME):
        answered, left_out = classifier.predict(pictures[start : start + AT_A_TIME], top, precision)
        predictions += answered
        unreadable += left_out
        progress(min(start + AT_A_TIME, len(pictures)), len(pictures))
    return Predictions(classifier.class_names, tuple(predictions), tuple(unreadable))
