"""Saved runs: everything that a report needs, read from a run folder, and what is missing.

A run that was stopped, is old, or whose images are gone still gets a report of
the rest, which names each gap.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tellapart.classifier.classifier import Classifier
from tellapart.data.dataset import Dataset
from tellapart.data.open import open_dataset
from tellapart.data.recorded import open_recorded
from tellapart.data.sources.label_choice import labels_from
from tellapart.data.store import ImageStore, load_split
from tellapart.errors import DataError, TellapartError
from tellapart.events import EpochDone, Progress
from tellapart.pages.card import Readable
from tellapart.recipes.config import TrainConfig
from tellapart.runs.event_log import history_in, read_log
from tellapart.runs.folder import LOG, RunFolder, existing_run_folder
from tellapart.runs.predictions import SplitPredictions, load_predictions
from tellapart.text import counted

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SavedRun(Readable):
    """The contents of a run folder."""

    folder: RunFolder
    config: TrainConfig
    settings: Mapping[str, Any]
    """All of run.toml."""

    history: tuple[EpochDone, ...]
    log: tuple[Mapping[str, Any], ...]
    """Every line of log.jsonl."""

    predictions: Mapping[str, SplitPredictions]
    """Predictions by split; empty if the run was not finished."""

    classifier: Classifier | None
    stores: Mapping[str, ImageStore]
    """Images by split; empty if they can no longer be opened."""

    missing: tuple[str, ...]
    """What could not be read, each with its reason, in sentences for people."""

    def _parts(self) -> list[str]:
        return [
            str(self.folder.path),
            f"recipe {self.config.recipe}",
            f"scored: {', '.join(self.predictions) or 'no'}",
        ]

    @property
    def data(self) -> Mapping[str, Any]:
        """The data section of run.toml."""
        return self.settings["data"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return tuple(self.data["class_names"])


def load_run(
    path: str | Path,
    stores: Mapping[str, ImageStore] | None = None,
    progress: Progress | None = None,
    *,
    classifier: Classifier | None = None,
) -> SavedRun:
    """Read a run folder back.

    Args:
        path: of the folder.
        stores: the images, if they are still in memory.
        progress: called with (images read, images in total).
        classifier: the run's, if it is still in memory.

    Raises:
        DataError: there is no such folder.
        ConfigError: it is not a run folder.
    """
    folder = existing_run_folder(path)
    settings = folder.all_settings()
    config = TrainConfig.from_dict(settings["run"])
    missing: list[str] = []
    no_predictions: dict[str, SplitPredictions] = {}
    no_images: Mapping[str, ImageStore] = {}
    no_classifier: Classifier | None = None

    def attempt(read: Callable[[], T], default: T, subject: str) -> T:
        try:
            return read()
        except TellapartError as reason:
            missing.append(f"{subject}: {reason}")
            return default

    no_log: tuple[tuple[Mapping[str, Any], ...], int] = ((), 0)
    log, damaged = attempt(lambda: read_log(folder.path / LOG), no_log, "log.jsonl")
    if damaged:
        missing.append(f"log.jsonl: {counted(damaged, 'damaged line')} left out.")
    elif lost := _lost_lines(folder, log):
        missing.append(lost)
    history = history_in(log) if config.head is None or _is_fine_tuned(log) else ()
    if not history and config.head is None:
        missing.append("Learning curves: no epoch was finished.")
    predictions = attempt(lambda: load_predictions(folder.predictions), no_predictions, "Test results")
    if classifier is None:
        classifier = attempt(lambda: Classifier.load(folder.path), no_classifier, "Network")
    if stores is None:
        stores = attempt(
            lambda: _stores(folder, settings["data"], progress),
            no_images,
            "Pictures",
        )
    return SavedRun(folder, config, settings, history, log, predictions, classifier, stores, tuple(missing))


def _lost_lines(folder: RunFolder, log: tuple[Mapping[str, Any], ...]) -> str:
    """Return what whole lines at the end of log.jsonl must have said, by what is beside them; empty where none lack."""
    events = {line.get("event") for line in log}
    views = [line["tta_views"] for line in log if isinstance(line.get("tta_views"), int)]
    epochs = [
        line["epoch"]
        for line in log
        if line.get("event") == "EpochDone" and isinstance(line.get("epoch"), int)
    ]
    lost = folder.epochs_measured - {epoch + 1 for epoch in epochs}
    lacks = ""
    if folder.predictions.exists() and (
        "Scored" not in events or ("ScoredWithoutTta" not in events and max(views, default=1) > 1)
    ):
        lacks = "the scores"
    elif lost:
        lacks = counted(len(lost), "epoch")
    elif folder.model.exists() and "Cost" not in events:
        lacks = "the time that it took"
    why = "the process was killed, or the file was truncated"
    return f"{LOG}: incomplete, it lacks {lacks} ({why})." if lacks else ""


def _is_fine_tuned(log: tuple[Mapping[str, Any], ...]) -> bool:
    """Return whether a transfer's model is the fine-tuned network; it is not while fine-tuning is unfinished."""
    return any(line.get("event") == "FineTuned" and line.get("kept") for line in log)


def _stores(
    folder: RunFolder,
    data: Mapping[str, Any],
    progress: Progress | None,
) -> dict[str, ImageStore]:
    """Read the images that the run used, by split.

    Raises:
        DataError: they are gone or have changed.
    """
    from tellapart.data.preprocess import Preprocessing

    if "argument" not in data:
        raise DataError("the run was trained on arrays in memory, which are gone.")

    def opened(argument: Any, labels: Any) -> Dataset:
        return open_dataset(argument, labels=labels, for_training=False)

    dataset = open_recorded(opened, data["argument"], labels_from(data), folder.read_split(data))
    preprocessing = Preprocessing.from_dict(data["preprocessing"])
    stores = {
        name: load_split(dataset.splits[name], preprocessing, progress=progress)
        for name in data["fingerprints"]
    }
    changed = [name for name, store in stores.items() if store.fingerprint() != data["fingerprints"][name]]
    if changed:
        raise DataError(f"the {' and '.join(changed)} pictures have changed since the training.")
    return stores
