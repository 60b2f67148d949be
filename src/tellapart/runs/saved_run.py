"""Ingredients: everything that a report is made of, read from a run folder, and what of it is missing.

A run that was stopped, an old one, or one whose pictures are gone still gets a
report: of the rest, with each gap named.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tellapart.classifier.classifier import Classifier
from tellapart.data.open import open_dataset
from tellapart.data.split import apply_split, read_split_csv
from tellapart.data.store import ImageStore, load_split
from tellapart.errors import DataError, TellapartError
from tellapart.events import EpochDone, Progress
from tellapart.recipes.config import TrainConfig
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.predictions import SplitPredictions, load_predictions

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SavedRun:
    """Of one run."""

    folder: RunFolder
    run: TrainConfig
    settings: Mapping[str, Any]
    """run.toml, whole."""

    history: tuple[EpochDone, ...]
    log: tuple[Mapping[str, Any], ...]
    """Every line of log.jsonl."""

    answers: Mapping[str, SplitPredictions]
    """By split; empty where the run was not finished."""

    classifier: Classifier | None
    stores: Mapping[str, ImageStore]
    """Pictures by split; empty where they cannot be opened any more."""

    missing: tuple[str, ...]
    """What could not be had, each with its reason, for the reader."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What run.toml says of the data."""
        return self.settings["data"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return tuple(self.data["class_names"])


def load_run(
    path: str | Path,
    stores: Mapping[str, ImageStore] | None = None,
    progress: Progress | None = None,
) -> SavedRun:
    """Read a run folder back.

    Args:
        path: of the folder.
        stores: the pictures, where they are still in memory.
        progress: called with (pictures read, pictures in all).

    Raises:
        DataError: there is no such folder.
        ConfigError: it is no run's.
    """
    folder = existing_run_folder(path)
    run, _ = folder.read_settings()
    settings = tomllib.loads((folder.path / "run.toml").read_text(encoding="utf-8"))
    missing: list[str] = []
    no_answers: dict[str, SplitPredictions] = {}
    no_pictures: Mapping[str, ImageStore] = {}
    no_classifier: Classifier | None = None

    def attempt(read: Callable[[], T], otherwise: T, what: str) -> T:
        try:
            return read()
        except TellapartError as reason:
            missing.append(f"{what}: {reason}")
            return otherwise

    log = _log(folder)
    history = _history(log)
    if not history:
        missing.append("The curves: no epoch was finished.")
    answers = attempt(
        lambda: load_predictions(folder.predictions), no_answers, "Everything about the test pictures"
    )
    classifier = attempt(lambda: Classifier.load(folder.path), no_classifier, "The network")
    if stores is None:
        stores = attempt(
            lambda: _stores(folder, settings["data"], progress),
            no_pictures,
            "The pictures themselves",
        )
    return SavedRun(folder, run, settings, history, log, answers, classifier, stores, tuple(missing))


def _log(folder: RunFolder) -> tuple[Mapping[str, Any], ...]:
    place = folder.path / "log.jsonl"
    if not place.is_file():
        return ()
    lines = place.read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the last line of a run that was killed while it wrote
    return tuple(found)


def _history(log: tuple[Mapping[str, Any], ...]) -> tuple[EpochDone, ...]:
    """The epochs in order; one that was made again after a stop counts as it was made last."""
    names = {field.name for field in fields(EpochDone)}
    rows = [
        {key: value for key, value in line.items() if key in names}
        for line in log
        if line.get("event") == "EpochDone"
    ]
    by_epoch = {
        row["epoch"]: EpochDone(**{**row, "val_recalls": tuple(row.get("val_recalls", ()))}) for row in rows
    }
    return tuple(by_epoch[epoch] for epoch in sorted(by_epoch))


def _stores(
    folder: RunFolder,
    data: Mapping[str, Any],
    progress: Progress | None,
) -> dict[str, ImageStore]:
    """The run's own pictures.

    Raises:
        DataError: they are gone, or changed.
    """
    from tellapart.data.preprocess import Preprocessing

    if "argument" not in data:
        raise DataError("the run was trained on arrays in memory, which are gone.")
    source = apply_split(
        open_dataset(data["argument"], labels=data.get("labels")), read_split_csv(folder.split)
    )
    preprocessing = Preprocessing.from_dict(data["preprocessing"])
    found = {
        name: load_split(source.splits[name], preprocessing, progress=progress)
        for name in data["fingerprints"]
    }
    changed = [name for name, store in found.items() if store.fingerprint() != data["fingerprints"][name]]
    if changed:
        raise DataError(f"the {' and '.join(changed)} pictures have changed since the training.")
    return found
