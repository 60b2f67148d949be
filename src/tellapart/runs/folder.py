"""The run folder: what a training leaves behind, and what resuming reads.

    run.toml          every resolved value, versions, hardware, the data's fingerprint
    split.csv         which picture was in which split
    log.jsonl         one line for every event but single steps
    metrics.csv       one line an epoch
    last.safetensors  where the run stands: weights, optimizer, history
    model.keras       the model, with class names and pixel path
    predictions.png   some test pictures with their predictions
    predictions.safetensors  what the model said of the held-out and the test pictures
    checkpoints/      weights on the way, for asking which training pictures speak for an answer
    report.html       all of it to look at

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
        """Where the run stands."""
        return self.path / "last.safetensors"

    @property
    def split(self) -> Path:
        """Which picture was in which split."""
        return self.path / "split.csv"

    @property
    def prediction_grid(self) -> Path:
        """The picture grid."""
        return self.path / "predictions.png"

    @property
    def predictions(self) -> Path:
        """What the model said of the held-out and the test pictures."""
        return self.path / "predictions.safetensors"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Path:
        """Folder of the weights on the way."""
        return self.path / "checkpoints"

    def listen(self, event: Event) -> None:
        """Record what happens, except single steps.

        Raises:
            SaveError: the disk is full, or the folder is gone.
        """
        if isinstance(event, StepDone):
            return
        self.log(type(event).__name__, asdict(event))
        if isinstance(event, EpochDone):
            self._append_metrics(event)

    def log(self, what: str, values: Mapping[str, Any]) -> None:
        """Append one line to log.jsonl: when, what, and its values; a number that is none is null."""
        values = {
            name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()
        }
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": what, **values}
        self._append(self.path / "log.jsonl", json.dumps(line) + "\n")

    def write_settings(self, run: TrainConfig, data: Mapping[str, Any], threads: int) -> None:
        """Write run.toml."""
        import tomli_w

        settings = {
            "tellapart": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": run.to_dict(),
            "data": dict(data),
            "versions": versions(),
            "hardware": {**hardware(), "threads": threads},
        }
        write_text(self.path / SETTINGS_IN_RUN, tomli_w.dumps(settings))

    def read_settings(self) -> tuple[TrainConfig, dict[str, Any]]:
        """The Run and the data of run.toml.

        Raises:
            ConfigError: this is no run folder, or its run.toml is damaged.
        """
        place = self.path / SETTINGS_IN_RUN
        try:
            settings = tomllib.loads(place.read_text(encoding="utf-8"))
            return TrainConfig.from_dict(settings["run"]), settings["data"]
        except FileNotFoundError as reason:
            raise ConfigError(f"{self.path} is no run folder: it has no run.toml.") from reason
        except (OSError, ValueError, KeyError, TypeError) as reason:
            raise ConfigError(f"{place} is damaged ({reason}). Start the training afresh.") from reason

    def resume_metrics(self, history: Sequence[EpochDone]) -> None:
        """Let metrics.csv hold just these epochs: one that was finished after the last checkpoint comes again."""
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
    """Make the folder of a new run: `out`, or a dated one under `runs/`.

    Raises:
        ConfigError: `out` is there already.
        SaveError: it cannot be made.
    """
    path = Path(out) if out is not None else _dated(Path("runs"), f"{data_name}-{recipe}")
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise SaveError(
            f"{path} cannot be made ({reason.strerror}). Choose another place with --out."
        ) from reason
    return RunFolder(path)


def refuse_taken(out: str | Path | None) -> None:
    """Refuse a place for a new run where something is already.

    Raises:
        ConfigError: it is a file, or a folder that is not empty.
    """
    path = None if out is None else Path(out)
    if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path} is there already, and a run is never overwritten. Choose another --out.")


def existing_run_folder(path: str | Path) -> RunFolder:
    """The folder of a run that was begun.

    Raises:
        DataError: there is none.
    """
    folder = RunFolder(Path(path))
    if not folder.path.is_dir():
        meant = similar_paths(folder.path)
        advice = f"Did you mean {meant[0]}?" if meant else "`tellapart train DATA` prints the one it makes."
        raise DataError(f"{path}: no such run folder{in_which_folder(folder.path)}. {advice}")
    return folder


def _dated(parent: Path, name: str) -> Path:
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{name}"
    candidates = [parent / stem, *(parent / f"{stem}-{number}" for number in range(2, 1000))]
    return next(path for path in candidates if not path.exists())
