"""A run's settings and data again: to repeat it in a new folder, or to go on past its planned end."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tellapart.classifier.resolve import MODEL_IN_RUN, SETTINGS_IN_RUN
from tellapart.data.sources.label_choice import labels_from
from tellapart.errors import ConfigError
from tellapart.events import Diverged, EpochDone
from tellapart.models.networks import OWN
from tellapart.recipes.augmented import refuse_unknown_function
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpoint import companion_text
from tellapart.runs.event_log import epoch_of, read_log
from tellapart.runs.folder import LOG, RunFolder
from tellapart.runs.sealed_settings import write_sealed
from tellapart.runs.settings_file import read_settings_file
from tellapart.text import counted
from tellapart.training.keras_callbacks import says_that_it_stops


class Repeated(NamedTuple):
    """What a run was trained with."""

    config: TrainConfig
    data: Any
    labels: Any


def repeated(path: str | Path, data: Any, labels: Any) -> Repeated:
    """Return the settings of a run, and its data where none are given.

    Args:
        path: its folder, or its run.toml.
        data: as given; None: those of the run.
        labels: of `data`.

    Raises:
        ConfigError: no such file, one that is damaged, or the run's images were arrays in memory.
    """
    file = Path(path) / SETTINGS_IN_RUN if Path(path).is_dir() else Path(path)
    if not file.exists() or file.suffix != ".toml":
        what = "no such run" if not file.exists() else "not the settings of a run"
        raise ConfigError(f"{path}: {what}. config is a run folder or its run.toml.")
    settings = read_settings_file(file)
    config, recorded = TrainConfig.from_dict(settings["run"]), settings["data"]
    refuse_unknown_function(config)
    if data is not None:
        return Repeated(config, data, labels)
    if labels is not None:
        raise ConfigError("Labels are given without their pictures. Give DATA too, or leave the labels out.")
    if "argument" not in recorded:
        raise ConfigError(f"The run of {path} was trained on arrays in memory: give them again.")
    return Repeated(config, recorded["argument"], labels_from(recorded))


def extended(folder: RunFolder, config: TrainConfig, epochs: int) -> TrainConfig:
    """Return a run's configuration with another number of epochs, to go on past its planned end.

    Args:
        folder: of the run.
        config: its own.
        epochs: in all; of a transfer, of its fine-tuning.

    Raises:
        ConfigError: the run has that many already, or ended early, or has none to go on from.
    """
    history = history_of(folder)
    if config.fine_tuning is not None:
        if not folder.has_checkpoint and config.multi_label:
            raise ConfigError(
                f"{folder.path} has no epochs to go on from: a transfer on several labels a picture fits its last "
                "layer at once. Leave out the epochs."
            )
        if not folder.has_checkpoint:
            raise ConfigError(
                f"{folder.path} was not fine-tuned, so there are no epochs to go on from. Train anew with fine-tuning: "
                f"tellapart train --config {folder.path} --fine-tune on --epochs {epochs}"
            )
        longer = config.changed(
            fine_tuning=dataclasses.replace(config.fine_tuning, epochs=epochs, planned_steps=None)
        )
    else:
        longer = dataclasses.replace(config, epochs=epochs, planned_steps=None)
    if len(history) >= epochs:
        raise ConfigError(
            f"{folder.path} has {counted(len(history), 'finished epoch')}; epochs is their number in all. Give more "
            f"than {len(history)}."
        )
    if epochs < _epochs(config):
        raise ConfigError(
            f"{folder.path} is to have {counted(_epochs(config), 'epoch')} in all, and they can only be raised; got "
            f"{epochs}. To train for fewer, begin a new run: tellapart train --config {folder.path} --epochs {epochs}"
        )
    if _ends(config, history) or _diverged_for_good(folder):
        raise ConfigError(
            f"{folder.path} ended by itself after {counted(len(history), 'epoch')}: its target was reached, its "
            "patience was over, or it diverged twice. More epochs would not be trained. Begin a new run: tellapart "
            f"train --config {folder.path}"
        )
    if config.network == OWN and _callback_ended(folder, config, history):
        raise ConfigError(
            f"{folder.path} was ended by a callback after {counted(len(history), 'epoch')}. More epochs would not be "
            "trained. Begin a new run with the model that it saved: tellapart train DATA --model "
            f"{folder.path / MODEL_IN_RUN}; or, in Python, model=MODEL with other callbacks."
        )
    return longer


def _ends(config: TrainConfig, history: list[EpochDone]) -> bool:
    patience = config.patience if config.fine_tuning is None else config.fine_tuning.patience
    return dataclasses.replace(config.early_end, patience=patience)(history)


def _callback_ended(folder: RunFolder, config: TrainConfig, history: list[EpochDone]) -> bool:
    """Return whether a Keras callback ended a run whose settings did not: before its last epoch, or with it."""
    ended_early = folder.is_finished and len(history) < config.epochs
    return ended_early or says_that_it_stops(companion_text(folder.checkpoint))


def history_of(folder: RunFolder) -> list[EpochDone]:
    """Return the finished epochs of a run, as its log has them."""
    lines, _ = read_log(folder.path / LOG)
    epochs = [epoch_of(line) for line in lines if line["event"] == EpochDone.__name__]
    by_number = {done.epoch: done for done in epochs if done is not None}
    return [by_number[number] for number in sorted(by_number)]


def _diverged_for_good(folder: RunFolder) -> bool:
    lines, _ = read_log(folder.path / LOG)
    return any(line["event"] == Diverged.__name__ and line.get("rate_factor") is None for line in lines)


def record_extension(folder: RunFolder, config: TrainConfig) -> None:
    """Write a longer configuration into run.toml, and that it was longer from here on.

    Raises:
        SaveError: it could not be written; the old one stays.
    """
    settings = folder.all_settings()
    before = TrainConfig.from_dict(settings["run"])
    entry = {
        "planned": _epochs(before),
        "epochs": _epochs(config),
        "after": len(history_of(folder)),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    settings["run"] = config.to_dict()
    settings["extended"] = [*settings.get("extended", []), entry]
    write_sealed(folder.path / SETTINGS_IN_RUN, settings)


def _epochs(config: TrainConfig) -> int:
    return config.epochs if config.fine_tuning is None else config.fine_tuning.epochs


def notice_of(folder: RunFolder, config: TrainConfig) -> str:
    """Return what people want to know before a run goes on past its planned end."""
    done, was_scored = len(history_of(folder)), folder.is_finished
    again = (
        "; the test pictures were scored before, so a choice between both scores would make the better one too good"
        if was_scored
        else ""
    )
    return (
        f"Going on after epoch {done} to {_epochs(config)}: from here on the learning rate is the one that a run of "
        f"{_epochs(config)} epochs has there{again}"
    )
