"""metrics.csv: a line for each epoch of a run."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.events import OF_SEVERAL_LABELS, EpochDone, epoch_values
from tellapart.runs.event_log import LARGEST_LOG
from tellapart.untrusted.regular_file import read_regular

METRICS_CSV = "metrics.csv"
METRICS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def metric_names(multi_label: bool) -> tuple[str, ...]:
    """Return the columns; in a training on several labels a picture some have names of their own."""
    return tuple(OF_SEVERAL_LABELS.get(name, name) for name in METRICS) if multi_label else METRICS


def metrics_of(event: EpochDone, *, multi_label: bool = False) -> dict[str, Any]:
    """Return an epoch's line, column -> value; epochs count from 1 there."""
    row = epoch_values(event, multi_label=multi_label)
    return {**{name: row[name] for name in metric_names(multi_label)}, **event.metrics}


def metrics_heading(history: Sequence[EpochDone], multi_label: bool = False) -> str:
    """Return the first line of a file of these epochs; those of a network of one's own may have further metrics."""
    if not history:
        return _csv_line(metric_names(multi_label))
    return _csv_line(tuple(metrics_of(history[0], multi_label=multi_label)))


def metrics_line(event: EpochDone, multi_label: bool = False) -> str:
    """Return the line of an epoch."""
    return _csv_line(tuple(metrics_of(event, multi_label=multi_label).values()))


def epochs_measured(path: Path) -> set[int]:
    """Return the numbers of the epochs in a metrics.csv, from 1; what cannot be read there is left out."""
    try:
        content = read_regular(path, LARGEST_LOG)
    except OSError:
        return set()
    lines = content.decode("utf-8", "replace").split("\n")
    return {int(line.split(",")[0]) for line in lines if re.fullmatch(r"[0-9]{1,9},.*", line, re.ASCII)}


def _csv_line(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
