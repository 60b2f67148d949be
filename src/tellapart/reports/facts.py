"""Facts: everything a report says, as plain values. The page shows them and `--json` prints them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import __version__
from tellapart.metrics.calibration import calibration_error, reliability, tempered, thresholds
from tellapart.metrics.scores import score
from tellapart.profiling.layer_times import layer_milliseconds
from tellapart.profiling.summary import summarize
from tellapart.reports.curves import slow_classes
from tellapart.reports.rerun_command import repeating
from tellapart.runs.predictions import SplitPredictions
from tellapart.runs.saved_run import SavedRun
from tellapart.training.health import remarks

MISTAKES = 30
"""The most confident ones, that are shown."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test picture that was answered wrongly."""

    row: int
    """Of the test split."""

    id: str
    truth: str
    answer: str
    probability: float
    """Of the answer, as the network gave it."""

    probability_of_truth: float


def facts(found: SavedRun) -> dict[str, Any]:
    """Everything that can be said; a key whose value cannot be had is None, and `missing` says why."""
    test = found.answers.get("test")
    return {
        "tellapart": __version__,
        "run": _run(found),
        "data": _data(found),
        "scores": None if test is None else _scores(found, test),
        "curves": [asdict(done) for done in found.history] or None,
        "remarks": [asdict(remark) for remark in remarks(found.history, _scored_by(found))],
        "slow_classes": [asdict(one) for one in slow_classes(found.history, found.class_names)] or None,
        "calibration": None if test is None else _calibration(found, test),
        "mistakes": None if test is None else [asdict(one) for one in mistakes(test, found.class_names)],
        "network": _network(found),
        "cost": _cost(found),
        "missing": list(found.missing),
    }


def _scored_by(found: SavedRun) -> int:
    """How many pictures score each epoch."""
    return int(
        found.settings["data"]["pictures"]["validation" if found.run.validation == "held out" else "test"]
    )


def mistakes(test: SplitPredictions, class_names: Sequence[str], most: int = MISTAKES) -> list[Mistake]:
    """The surest of the wrong answers, the surest first."""
    answered = test.probabilities.argmax(1)
    sure = test.probabilities.max(1)
    wrong = np.flatnonzero(answered != test.labels)
    rows = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    return [
        Mistake(
            row=int(row),
            id=test.ids[row],
            truth=class_names[test.labels[row]],
            answer=class_names[answered[row]],
            probability=float(sure[row]),
            probability_of_truth=float(test.probabilities[row, test.labels[row]]),
        )
        for row in rows
    ]


def calibrated(found: SavedRun, test: SplitPredictions) -> NDArray[np.floating[Any]]:
    """Test probabilities at the temperature of the model's card; as they are, where it has none."""
    temperature = _temperature(found)
    return test.probabilities if temperature is None else tempered(test.probabilities, temperature)


def _temperature(found: SavedRun) -> float | None:
    return None if found.classifier is None else found.classifier.card.temperature


def _run(found: SavedRun) -> dict[str, Any]:
    pictures = found.data["pictures"]
    learned = pictures["train"] + (pictures.get("validation", 0) if found.run.validation == "held out" else 0)
    return {
        "folder": str(found.folder.path),
        "recipe": found.run.recipe,
        "started": found.settings["started"],
        "epochs": found.run.epochs,
        "epochs_done": len(found.history),
        "command": repeating(found.run, found.data, learned),
        "settings": found.run.to_dict(),
    }


def _data(found: SavedRun) -> dict[str, Any]:
    names = ("name", "where", "class_names", "pictures", "left_out", "preprocessing")
    counts = {
        split: np.bincount(store.labels, minlength=len(found.class_names)).tolist()
        for split, store in found.stores.items()
    }
    return {**{name: found.data[name] for name in names}, "counts": counts or None}


def _scores(found: SavedRun, test: SplitPredictions) -> dict[str, Any]:
    scores = score(test.probabilities, test.labels, found.class_names, "test")
    present = np.bincount(test.labels, minlength=len(found.class_names))
    without = [line for line in found.log if line.get("event") == "ScoredWithoutTta"]
    return {
        **scores.to_dict(),
        "naive_answer": found.class_names[int(present.argmax())],
        "tta_views": found.run.tta_views,
        "without_tta": {key: without[-1][key] for key in ("accuracy", "interval")} if without else None,
    }


def _calibration(found: SavedRun, test: SplitPredictions) -> dict[str, Any]:
    temperature = _temperature(found)

    def judged(probabilities: NDArray[np.floating[Any]]) -> dict[str, Any]:
        return {
            "error": calibration_error(probabilities, test.labels),
            "bins": [asdict(one) for one in reliability(probabilities, test.labels)],
        }

    after = calibrated(found, test)
    return {
        "temperature": temperature,
        "fitted_on": len(found.answers["validation"].labels) if "validation" in found.answers else None,
        "before": judged(test.probabilities),
        "after": None if temperature is None else judged(after),
        "thresholds": [asdict(one) for one in thresholds(after, test.labels)],
    }


def _network(found: SavedRun) -> dict[str, Any] | None:
    if found.classifier is None:
        return None
    summary = summarize(found.classifier.model)
    times = layer_milliseconds(found.classifier.model)
    rows = [{**asdict(row), "milliseconds": times.get(row.name)} for row in summary.layers]
    return {**summary.to_dict(), "layers": rows}


def _cost(found: SavedRun) -> dict[str, Any]:
    told = [line for line in found.log if line.get("event") == "Cost"]
    joules = [line["joules"] for line in told]
    hardware, last = found.settings["hardware"], told[-1] if told else {}
    return {
        "epochs_seconds": sum(done.seconds for done in found.history),
        "seconds": sum(line["seconds"] for line in told) if told else None,
        "joules": sum(joules) if told and None not in joules else None,
        "sittings": len(told),
        "hardware": {**hardware, "threads": last.get("threads", hardware.get("threads"))},
        "versions": found.settings["versions"],
        "precision": found.data.get("precision"),
    }
