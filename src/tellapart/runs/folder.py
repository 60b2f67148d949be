"""The run folder: the files that a training writes and that resuming reads.

    run.toml          every resolved value, versions, hardware, the data's fingerprint
    split.csv         the split of each image
    log.jsonl         one line per event, except single steps
    metrics.csv       one line per epoch
    last.safetensors  the last checkpoint: weights, optimizer, history
    model.keras       the model, with class names and preprocessing
    predictions.png   some test images with their predictions
    predictions.safetensors  predictions for the held-out and the test images
    checkpoints/      intermediate weights, to trace a prediction to training images
    report.html       the report

A folder is never overwritten.
"""

import csv
import io
import json
import math
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tellapart import __version__
from tellapart.classifier.resolve import MODEL_IN_RUN, SETTINGS_IN_RUN
from tellapart.errors import ConfigError, DataError, SaveError
from tellapart.events import EpochDone, Event, StepDone
from tellapart.files import write_text
from tellapart.paths import in_which_folder, similar_paths
from tellapart.recipes.config import TrainConfig
from tellapart.runtime.machine import hardware, versions

METRICS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / MODEL_IN_RUN

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "last.safetensors"

    @property
    def split(self) -> Path:
        """The split of each image."""
        return self.path / "split.csv"

    @property
    def prediction_grid(self) -> Path:
        """The grid of test images with their predictions."""
        return self.path / "predictions.png"

    @property
    def predictions(self) -> Path:
        """Predictions for the held-out and the test images."""
        return self.path / "predictions.safetensors"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Path:
        """The folder of intermediate weights."""
        return self.path / "checkpoints"

    def listen(self, event: Event) -> None:
        """Record every event, except single steps.

        Raises:
            SaveError: the disk is full, or the folder is gone.
        """
        if isinstance(event, StepDone):
            return
        self.log(type(event).__name__, asdict(event))
        if isinstance(event, EpochDone):
            self._append_metrics(event)

    def log(self, event: str, values: Mapping[str, Any]) -> None:
        """Append a line to log.jsonl: time, event and values; a number that is not finite becomes null."""
        values = {
            name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()
        }
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **values}
        self._append(self.path / "log.jsonl", json.dumps(line) + "\n")

    def write_settings(self, config: TrainConfig, data: Mapping[str, Any], threads: int) -> None:
        """Write run.toml."""
        import tomli_w

        settings = {
            "tellapart": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": config.to_dict(),
            "data": dict(data),
            "versions": versions(),
            "hardware": {**hardware(), "threads": threads},
        }
        write_text(self.path / SETTINGS_IN_RUN, tomli_w.dumps(settings))

    def read_settings(self) -> tuple[TrainConfig, dict[str, Any]]:
        """Return the configuration and the data of run.toml.

        Raises:
            ConfigError: this is not a run folder, or its run.toml is damaged.
        """
        place = self.path / SETTINGS_IN_RUN
        try:
            settings = tomllib.loads(place.read_text(encoding="utf-8"))
            return TrainConfig.from_dict(settings["run"]), settings["data"]
        except FileNotFoundError as reason:
            raise ConfigError(f"{self.path} is not a run folder: it has no run.toml.") from reason
        except (OSError, ValueError, KeyError, TypeError) as reason:
            raise ConfigError(
                f"{place} is damaged ({reason}). Start the training again, in a new run folder."
            ) from reason

    def resume_metrics(self, history: Sequence[EpochDone]) -> None:
        """Rewrite metrics.csv with these epochs only: one finished after the last checkpoint is repeated."""
        text = _csv_line(METRICS) + "".join(map(_metrics_line, history))
        write_text(self.path / "metrics.csv", text)

    def _append_metrics(self, event: EpochDone) -> None:
        place = self.path / "metrics.csv"
        heading = "" if place.exists() else _csv_line(METRICS)
        self._append(place, heading + _metrics_line(event))

    def _append(self, place: Path, text: str) -> None:
        try:
            with place.open("a", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as reason:
            raise SaveError(f"{place} could not be written ({reason.strerror}). Free some space.") from reason


def _metrics_line(event: EpochDone) -> str:
    row = {**asdict(event), "epoch": event.epoch + 1}
    return _csv_line([row[name] for name in METRICS])


def _csv_line(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def new_run_folder(out: str | Path | None, data_name: str, recipe: str) -> RunFolder:
    """Create the folder of a new run: `out`, or a dated one under `runs/`.

    Raises:
        ConfigError: `out` already exists and is not an empty folder.
        SaveError: it cannot be created.
    """
    path = Path(out) if out is not None else _dated(Path("runs"), f"{data_name}-{recipe}")
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise SaveError(
            f"{path} cannot be created ({reason.strerror}). Choose another folder with --out."
        ) from reason
    return RunFolder(path)


def refuse_taken(out: str | Path | None) -> None:
    """Raise if the folder for a new run is taken.

    Raises:
        ConfigError: `out` is a file, or a folder that is not empty.
    """
    path = None if out is None else Path(out)
    if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(
            f"{path} already exists, and a run is never overwritten. Choose another folder with --out."
        )


def existing_run_folder(path: str | Path) -> RunFolder:
    """Return the folder of an existing run.

    Raises:
        DataError: there is no such folder.
    """
    folder = RunFolder(Path(path))
    if not folder.path.is_dir():
        similar = similar_paths(folder.path)
        advice = (
            f"Did you mean {similar[0]}?"
            if similar
            else "`tellapart train DATA` prints the folder of its run."
        )
        raise DataError(f"{path}: no such run folder{in_which_folder(folder.path)}. {advice}")
    return folder


def _dated(parent: Path, name: str) -> Path:
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"
    candidates = [parent / stem, *(parent / f"{stem}-{number}" for number in range(2, 1000))]
    return next(path for path in candidates if not path.exists())
