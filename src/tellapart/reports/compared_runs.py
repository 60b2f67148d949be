"""Compared runs: figures, curves, paired tests and differing settings of several runs, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart import __version__
from tellapart.errors import TellapartError
from tellapart.events import EpochDone
from tellapart.reports.comparison import compare
from tellapart.reports.differences import circumstances_that_differ, settings_that_differ
from tellapart.runs.event_log import LOG, history_in, read_log
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.metrics_file import metric_names, metrics_of
from tellapart.runs.predictions import SplitPredictions, load_predictions


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRun:
    """What a comparison reads of a run folder: neither network nor images."""

    name: str
    settings: Mapping[str, Any]
    log: tuple[Mapping[str, Any], ...]
    history: tuple[EpochDone, ...]
    predictions: Mapping[str, SplitPredictions]
    missing: tuple[str, ...]
    """What could not be read, each with its reason."""


def read_compared(name: str) -> ComparedRun:
    """Read a run folder.

    Raises:
        DataError: there is no such folder.
        ConfigError: it is not a run folder, or its settings are damaged.
    """
    folder = existing_run_folder(name)
    settings = folder.all_settings()
    log, missing = _log(folder)
    predictions: Mapping[str, SplitPredictions] = {}
    try:
        predictions = load_predictions(folder.predictions)
    except TellapartError as reason:
        missing = (*missing, str(reason))
    return ComparedRun(name, settings, log, history_in(log), predictions, missing)


def _log(folder: RunFolder) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    try:
        log, damaged = read_log(folder.path / LOG)
    except TellapartError as reason:
        return (), (str(reason),)
    return log, (
        f"{folder.path / LOG} has damaged lines, which were left out ({damaged}).",
    ) if damaged else ()


def facts_of_comparison(runs: Sequence[ComparedRun]) -> dict[str, Any]:
    """Return all that a comparison says.

    Returns:
        "runs", "pairs" and "unpaired" as `comparison.compare` has them, each of "runs" with its further figures;
        "curves": a list of epochs for each run; "settings" and "circumstances", those that differ; "same_validation":
        whether the epochs of all runs were scored on the same images; "missing": what could not be read.
    """
    facts = compare({run.name: run.predictions for run in runs})
    settings = [run.settings for run in runs]
    labels = _labels([run.name for run in runs])
    return {
        "tellapart": __version__,
        **facts,
        "runs": [
            {**row, "label": label, **_figures(run)}
            for row, label, run in zip(facts["runs"], labels, runs, strict=True)
        ],
        "curves": [_curve(run) for run in runs],
        "settings": settings_that_differ(settings),
        "circumstances": circumstances_that_differ(settings),
        "same_validation": len({_scored_on(run) for run in runs if run.history}) < 2,
        "missing": [words for run in runs for words in run.missing],
    }


def _labels(names: Sequence[str]) -> list[str]:
    """Return what a page calls runs: the names of their folders, or where two are alike, their paths."""
    short = [Path(name).name for name in names]
    return short if len(set(short)) == len(names) and all(short) else list(names)


def _figures(run: ComparedRun) -> dict[str, Any]:
    sessions = [line["seconds"] for line in run.log if line["event"] == "Cost"]
    scored = [line for line in run.log if line["event"] == "Scored"]
    seconds = sum(sessions) if sessions else sum(done.seconds for done in run.history)
    return {
        "data": run.settings["data"]["name"],
        "recipe": run.settings["run"]["recipe"],
        "started": run.settings["started"],
        "finished": bool(scored),
        "balanced_accuracy": scored[-1].get("balanced_accuracy") if scored else None,
        "loss": scored[-1].get("loss") if scored else None,
        "seconds": seconds or None,
        "epochs": len(run.history),
        **_best_of_validation(run),
    }


def _best_of_validation(run: ComparedRun) -> dict[str, float | None]:
    best = max((done.val_accuracy for done in run.history), default=None)
    several = _is_of_several_labels(run)
    return {
        "best_val_accuracy": None if several else best,
        "best_val_mean_average_precision": best if several else None,
    }


def _is_of_several_labels(run: ComparedRun) -> bool:
    return bool(run.settings["run"].get("multi_label"))


def _curve(run: ComparedRun) -> list[dict[str, float]]:
    """Return each epoch from 1 as metrics.csv has it, with the seconds of training since the first began."""
    several = _is_of_several_labels(run)
    names = [name for name in metric_names(several) if name != "learning_rate"]
    points, seconds = [], 0.0
    for done in run.history:
        seconds += done.seconds
        values = metrics_of(done, multi_label=several)
        points.append({**{name: values[name] for name in names}, "seconds": seconds})
    return points


def _scored_on(run: ComparedRun) -> str:
    """Return a fingerprint of the images that scored the epochs."""
    prints = run.settings["data"]["fingerprints"]
    return prints.get("test" if run.settings["run"]["validation"] == "test" else "validation", "")
