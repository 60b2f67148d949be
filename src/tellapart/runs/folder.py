"""The run folder: the files that a training writes and that resuming reads.

    run.toml          every resolved value, versions, hardware, the data's fingerprint
    split.csv         the split of each image
    log.jsonl         one line per event, except single steps
    metrics.csv       one line per epoch
    last.safetensors  the last checkpoint: weights, optimizer, history; last-previous.safetensors the one before
    model.keras       the model, with class names and preprocessing
    predictions.png   some test images with their predictions
    predictions.safetensors  predictions for the held-out and the test images
    checkpoints/      intermediate weights, to trace a prediction to training images
    report.html       the report

A folder is never overwritten. The checkpoint before the last one stays beside it (`checkpoint.previous`). `run.toml`
is written last, so a folder that has one can be resumed; one without it is as good as empty.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tellapart import __version__
from tellapart.data.split import read_split_csv
from tellapart.errors import ConfigError, DataError, SaveError
from tellapart.events import EpochDone, Event, Finding, StepDone
from tellapart.files import remove_litter, write_text
from tellapart.pages.card import Readable
from tellapart.paths import MODEL_IN_RUN, SETTINGS_IN_RUN, in_which_folder, similar_paths
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpoint import checkpoint_exists
from tellapart.runs.event_log import LARGEST_LOG, LOG, event_line, findings_in, read_log
from tellapart.runs.metrics_file import METRICS_CSV, epochs_measured, metrics_heading, metrics_line
from tellapart.runs.sealed_settings import digest_of_file, write_sealed
from tellapart.runs.settings_file import read_settings_file
from tellapart.runtime.machine import hardware, versions
from tellapart.text import described
from tellapart.untrusted.regular_file import read_regular, refuse_odd


@dataclass(frozen=True, slots=True)
class RunFolder(Readable):
    """Paths of one run."""

    path: Path

    def _parts(self) -> list[str]:
        return [str(self.path)]

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / MODEL_IN_RUN

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.path / "last.safetensors"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a resumed training would go on from a checkpoint, and not from the first step."""
        return checkpoint_exists(self.checkpoint)

    @property
    def can_resume(self) -> bool:
        """Whether the folder holds all that a training needs to begin again."""
        return (self.path / SETTINGS_IN_RUN).exists() and self.split.exists()

    @property
    def is_finished(self) -> bool:
        """Whether the run was scored on its test split, which comes last."""
        try:
            return b'"event": "Scored"' in read_regular(self.path / LOG, LARGEST_LOG)
        except OSError:
            return False

    @property
    def epochs_measured(self) -> set[int]:
        """Numbers of the epochs in metrics.csv, from 1; what cannot be read there is left out."""
        return epochs_measured(self.path / METRICS_CSV)

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
        """Append a line to log.jsonl."""
        self._append(self.path / LOG, event_line(event, values))

    def findings(self) -> tuple[Finding, ...]:
        """Return what the watch has told, in this session or an earlier one."""
        return findings_in(read_log(self.path / LOG)[0])

    def write_settings(self, config: TrainConfig, data: Mapping[str, Any], threads: int) -> None:
        """Write run.toml, last of what a training needs to begin: the split is written already."""
        settings = {
            "tellapart": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": config.to_dict(),
            "data": {**data, "split_sha256": digest_of_file(self.split)},
            "versions": versions(),
            "hardware": {**hardware(), "threads": threads},
        }
        write_sealed(self.path / SETTINGS_IN_RUN, settings)

    def keep_config(self, config: TrainConfig) -> None:
        """Write another configuration into run.toml, whose other tables stay.

        Raises:
            SaveError: it could not be written; the old one stays.
        """
        write_sealed(self.path / SETTINGS_IN_RUN, {**self.all_settings(), "run": config.to_dict()})

    def keep_forecast(self, forecast: Mapping[str, Any]) -> None:
        """Write a forecast into run.toml, whose other tables stay.

        Raises:
            SaveError: it could not be written.
        """
        write_sealed(self.path / SETTINGS_IN_RUN, {**self.all_settings(), "forecast": dict(forecast)})

    def all_settings(self) -> dict[str, Any]:
        """Return all of run.toml.

        Raises:
            ConfigError: this is not a run folder, or its run.toml is damaged.
        """
        return read_settings_file(self.path / SETTINGS_IN_RUN)

    def read_settings(self) -> tuple[TrainConfig, dict[str, Any]]:
        """Return the configuration and the data of run.toml.

        Raises:
            ConfigError: as `all_settings`.
        """
        settings = self.all_settings()
        return TrainConfig.from_dict(settings["run"]), settings["data"]

    def read_split(self, data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """Return the split of each image: id -> (class name, split).

        Args:
            data: as in run.toml, which holds the file's digest.

        Raises:
            DataError: split.csv is missing, or not as it was written.
        """
        recorded = read_split_csv(self.split)
        if data.get("split_sha256") not in (None, digest_of_file(self.split)):
            raise DataError(
                f"{self.split} is not as it was written: the disk or a copy damaged it, or somebody changed it. "
                "Restore it, or start a new training."
            )
        return recorded

    def remove_litter(self) -> None:
        """Remove what killed trainings left: temporary files, and a last line of the log that was cut short.

        Raises:
            SaveError: the log cannot be written.
        """
        for place in (self.path, self.checkpoints):
            remove_litter(place)
        log = self.path / LOG
        try:
            refuse_odd(log)
            with suppress(FileNotFoundError), log.open("rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        except OSError as reason:
            raise SaveError(f"{log} could not be written ({reason.strerror or reason}).") from reason

    def resume_history(self, history: Sequence[EpochDone]) -> None:
        """Bring metrics.csv and log.jsonl to these epochs, which are those of the checkpoint that is gone on from.

        An epoch that was finished after the checkpoint is repeated; one whose line was never written, because the
        process was killed between checkpoint and line, gets it now.
        """
        several = self._has_several_labels
        rows = "".join(metrics_line(done, several) for done in history)
        write_text(self.path / METRICS_CSV, metrics_heading(history, several) + rows)
        lines, _ = read_log(self.path / LOG)
        logged = {line.get("epoch") for line in lines if line["event"] == EpochDone.__name__}
        for done in history:
            if done.epoch not in logged:
                self.log(EpochDone.__name__, asdict(done))

    @property
    def _has_several_labels(self) -> bool:
        """Whether the run is one on several labels a picture; False where its settings are not written."""
        if not (self.path / SETTINGS_IN_RUN).exists():
            return False
        return bool(self.all_settings()["run"].get("multi_label"))

    def _append_metrics(self, event: EpochDone) -> None:
        place = self.path / METRICS_CSV
        several = self._has_several_labels
        heading = "" if place.exists() else metrics_heading([event], several)
        self._append(place, heading + metrics_line(event, several))

    def _append(self, place: Path, text: str) -> None:
        try:
            refuse_odd(place)
            with place.open("a", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as reason:
            raise SaveError(
                f"{place} could not be written ({reason.strerror or reason}). Free some space."
            ) from reason


def existing_run_folder(path: str | os.PathLike[str]) -> RunFolder:
    """Return the folder of an existing run.

    Raises:
        ConfigError: this is no path.
        DataError: there is no such folder.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ConfigError(
            f"A run is given by the folder that tellapart.train made, its result's `folder`; got {described(path)}."
        )
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
