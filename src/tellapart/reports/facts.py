"""Facts: everything a report says, as plain values. The page shows them and `--json` prints them.

Knows nothing of networks: what one has to compute comes in as a value of the `RunRecord`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart import __version__
from tellapart.data.multi_label import class_counts
from tellapart.events import Diverged, EpochDone, Finding, score_name
from tellapart.metrics.label_scores import LabelScores
from tellapart.metrics.scores import Scores
from tellapart.recipes.config import TrainConfig
from tellapart.reports.curves import slow_classes
from tellapart.reports.label_mistakes import LabelMistake
from tellapart.reports.mistakes import Mistake
from tellapart.reports.rerun_command import rerun_command
from tellapart.runs.course import course_of
from tellapart.runs.event_log import findings_in
from tellapart.runs.forecast import forecast_in, held_out_accuracy
from tellapart.runs.untrusted_pictures import TrustedScores
from tellapart.training.health import remarks
from tellapart.training.watch.watch import findings_of_curves

SCORED_ON = {"held out": "validation", "test": "test", "cross-validation": "train"}
"""A configuration's `validation` -> the split whose images choose settings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunRecord:
    """One run as values: what its folder records, and what was measured on its network."""

    folder: str
    config: TrainConfig
    settings: Mapping[str, Any]
    """run.toml, whole."""

    history: Sequence[EpochDone]
    log: Sequence[Mapping[str, Any]]
    """Every line of log.jsonl."""

    labels: Mapping[str, NDArray[Any]]
    """Split -> its labels; empty where the images cannot be opened any more."""

    scores: Scores | LabelScores | None
    """On the test split; None where the run was not finished."""

    trusted: TrustedScores | None = None
    """On the test split without copies of training images and doubtful images; None where none are known."""

    calibration: Mapping[str, Any] | None
    """From `calibration_facts`."""

    mistakes: Sequence[Mistake] | None
    label_mistakes: Sequence[LabelMistake] | None = None
    """Of several labels a picture."""

    thresholds_from: str = ""
    """Of several labels a picture: how the thresholds were chosen."""

    network: Mapping[str, Any] | None
    """From `network_facts`; None where the model cannot be loaded."""

    missing: Sequence[str]
    """What is not available, each with its reason."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The table `data` of run.toml."""
        return self.settings["data"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return tuple(self.data["class_names"])

    @property
    def holds_out(self) -> bool:
        """Whether held-out images, not test images, score the epochs."""
        return self.config.validation == "held out"


def facts_of(record: RunRecord) -> dict[str, Any]:
    """Return all facts; the value of one that is not available is None, and `missing` gives the reason."""
    scoring_images = record.data["pictures"].get(SCORED_ON[record.config.validation], 0)
    slow = slow_classes(record.history, record.class_names)
    findings = _findings(record, scoring_images)
    return {
        "tellapart": __version__,
        "run": _run(record),
        "data": _data(record),
        "scores": _scores(record, record.scores) if isinstance(record.scores, Scores) else None,
        **(_of_labels(record) if record.config.multi_label else {}),
        "curves": [asdict(done) for done in record.history] or None,
        "remarks": [
            asdict(remark)
            for remark in remarks(
                record.history,
                findings,
                balanced=record.config.is_balanced,
                score=score_name(record.config.multi_label),
            )
        ],
        "findings": [finding.to_dict() for finding in findings],
        "divergences": _divergences(record),
        "slow_classes": [asdict(row) for row in slow] or None,
        "head": _head(record),
        "fine_tuning": _fine_tuning(record),
        "calibration": record.calibration,
        "mistakes": None if record.mistakes is None else [asdict(mistake) for mistake in record.mistakes],
        "network": record.network,
        "cost": _cost(record),
        "forecast": _forecast(record),
        "missing": list(record.missing),
    }


def _findings(record: RunRecord, scoring_images: int) -> list[Finding]:
    """Return what the watch told; in runs of earlier versions, what it would have told of the curves."""
    told = findings_in(record.log)
    kinds = {finding.kind for finding in told}
    of_curves = findings_of_curves(record.history, course_of(record.config, scoring_images))
    return [*told, *(finding for finding in of_curves if finding.kind not in kinds)]


def _divergences(record: RunRecord) -> list[str]:
    """Return, in words, how often the loss was not finite and where the training went on."""
    lines = [
        [line.get(name) for name in ("epoch", "back_to", "rate_factor")]
        for line in record.log
        if line.get("event") == Diverged.__name__
    ]
    return [
        Diverged(epoch, back_to, factor).in_words
        for epoch, back_to, factor in lines
        if isinstance(epoch, int) and isinstance(back_to, int) and isinstance(factor, float | None)
    ]


def _head(record: RunRecord) -> dict[str, Any] | None:
    """Return how a transfer's last layer was fitted; None for other recipes and unfinished runs."""
    fitted = [line for line in record.log if line.get("event") == "HeadFitted"]
    if not fitted:
        return None
    features = [line for line in record.log if line.get("event") == "FeaturesDone"]
    names = ("penalty", "val_loss", "val_accuracy", "val_pictures", "folds", "path", "seconds")
    return {
        **{name: fitted[-1][name] for name in names},
        "backbone": record.config.backbone,
        "features_seconds": sum(line["seconds"] for line in features),
        "views": features[-1]["views"],
    }


def _fine_tuning(record: RunRecord) -> dict[str, Any] | None:
    """Return what fine-tuning changed, or why it was not tried (`skipped`); None where neither is recorded."""
    lines = [line for line in record.log if line.get("event") in ("FineTuned", "FineTuningSkipped")]
    if not lines:
        return None
    last = lines[-1]
    can_be_tried = last.get("can_be_asked_for", True)
    return {
        "skipped": last.get("reason"),
        "can_be_tried": can_be_tried,
        **{name: last.get(name) for name in _FINE_TUNED},
    }


_FINE_TUNED = (
    "kept",
    "head_val_loss",
    "head_val_accuracy",
    "val_loss",
    "val_accuracy",
    "val_pictures",
    "only_head_correct",
    "only_tuned_correct",
    "seconds",
)
"""Figures of the event FineTuned; None where it was not tried."""


def _run(record: RunRecord) -> dict[str, Any]:
    images = record.data["pictures"]
    before_split = images["train"] + (images.get("validation", 0) if record.holds_out else 0)
    return {
        "folder": record.folder,
        "recipe": record.config.recipe,
        "started": record.settings["started"],
        "epochs": record.config.epochs,
        "epochs_done": len(record.history),
        "command": None
        if "extended" in record.settings
        else rerun_command(record.config, record.data, before_split),
        "settings": record.config.to_dict(),
    }


def _data(record: RunRecord) -> dict[str, Any]:
    names = ("name", "where", "class_names", "pictures", "left_out", "preprocessing")
    classes = len(record.class_names)
    counts = {split: class_counts(labels, classes).tolist() for split, labels in record.labels.items()}
    return {**{name: record.data[name] for name in names}, "counts": counts or None}


def _scores(record: RunRecord, scores: Scores) -> dict[str, Any]:
    images_of_class = [row.pictures for row in scores.classes]
    without_tta = [line for line in record.log if line.get("event") == "ScoredWithoutTta"]
    return {
        **scores.to_dict(),
        "naive_class": record.class_names[int(np.argmax(images_of_class))],
        "tta_views": _tta_views(record),
        "is_unequal": scores.is_unequal,
        "trusted": None if record.trusted is None else record.trusted.to_dict(),
        "without_tta": {key: without_tta[-1][key] for key in ("accuracy", "interval")}
        if without_tta
        else None,
    }


def _of_labels(record: RunRecord) -> dict[str, Any]:
    """Return the scores of several labels a picture, None where the run was not finished, and the worst mistakes."""
    without_tta = [line for line in record.log if line.get("event") == "ScoredWithoutTta"]
    mistakes = record.label_mistakes
    scores = None
    if isinstance(record.scores, LabelScores):
        scores = {
            **record.scores.to_dict(),
            "thresholds_from": record.thresholds_from,
            "tta_views": _tta_views(record),
            "trusted": None if record.trusted is None else record.trusted.to_dict(),
            "without_tta": without_tta[-1].get("mean_average_precision") if without_tta else None,
        }
    return {
        "label_scores": scores,
        "label_mistakes": None if mistakes is None else [asdict(mistake) for mistake in mistakes],
    }


def _tta_views(record: RunRecord) -> int:
    """Return the views that the scored model averages: those of its card, or, in older runs, of its recipe."""
    scored = [line for line in record.log if line.get("event") == "Scored"]
    return int(scored[-1].get("tta_views", record.config.tta_views)) if scored else record.config.tta_views


def _forecast(record: RunRecord) -> dict[str, Any] | None:
    """Return the forecast of a training with a number of minutes, and what it scored on held-out pictures."""
    forecast = forecast_in(record.log)
    if forecast is None:
        return None
    return {**forecast, "scored": held_out_accuracy(record.log, of_best=record.config.keeps_best)}


def _cost(record: RunRecord) -> dict[str, Any]:
    sessions = [line for line in record.log if line.get("event") == "Cost"]
    joules = [line["joules"] for line in sessions]
    hardware, last = record.settings["hardware"], sessions[-1] if sessions else {}
    return {
        "epochs_seconds": sum(done.seconds for done in record.history),
        "seconds": sum(line["seconds"] for line in sessions) if sessions else None,
        "joules": sum(joules) if sessions and None not in joules else None,
        "sessions": len(sessions),
        "hardware": {**hardware, "threads": last.get("threads", hardware.get("threads"))},
        "versions": record.settings["versions"],
        "precision": record.data.get("precision"),
    }
