"""metrics.csv: a line for each epoch of a run."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tellapart.events import EpochDone
from tellapart.runs.event_log import LARGEST_LOG
from tellapart.untrusted.regular_file import read_regular

METRICS_CSV = "metrics.csv"
METRICS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def metrics_of(event: EpochDone) -> dict[str, Any]:
    """Return an epoch's line, column -> value; epochs count from 1 there."""
    row = {**asdict(event), "epoch": event.epoch + 1}
    return {**{name: row[name] for name in METRICS}, **event.metrics}


def metrics_heading(history: Sequence[EpochDone]) -> str:
    """Return the first line of a file of these epochs; those of a network of one's own may have further metrics."""
    return _csv_line(tuple(metrics_of(history[0])) if history else METRICS)


def metrics_line(event: EpochDone) -> str:
    """Return the line of an epoch."""
    return _csv_line(tuple(metrics_of(event).values()))


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
