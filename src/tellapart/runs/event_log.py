"""log.jsonl: a line for each event of a run, each with a checksum of its own, so that a damaged one is left out."""

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from tellapart.events import EpochDone, Finding, FindingKind
from tellapart.files import unreadable_is_bad_data
from tellapart.runs.logged_values import LARGEST_NUMBER, has_its_values
from tellapart.untrusted.regular_file import read_regular

LOG = "log.jsonl"

LARGEST_LOG = 200_000_000
"""Bytes. An epoch takes a few hundred."""

_SEAL = ', "crc32": "'


def event_line(event: str, values: Mapping[str, Any]) -> str:
    """Return a line: time, event, values and checksum. A number that is not finite becomes null."""
    values = {
        name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()
    }
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **values}
    return _sealed(json.dumps(line)) + "\n"


def read_log(path: Path) -> tuple[tuple[Mapping[str, Any], ...], int]:
    """Return the events of a run in order, and how many lines are damaged.

    A last line that was cut short, when the run was killed while it wrote, is not counted. A line without a checksum,
    as earlier versions wrote it, is read as it is.

    Raises:
        DataError: the file is there and cannot be read.
    """
    if not path.is_file():
        return (), 0
    with unreadable_is_bad_data(path):
        *lines, _cut_short = read_regular(path, LARGEST_LOG).decode("utf-8", "replace").split("\n")
    entries = [_read(line) for line in lines]
    kept = tuple(entry for entry in entries if entry is not None)
    return kept, len(entries) - len(kept)


def findings_in(log: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return what the watch told, in order; a line that lacks something is left out."""
    names = [field.name for field in fields(Finding)]
    lines = [line for line in log if line["event"] == Finding.__name__]
    return tuple(
        Finding(**{name: line[name] for name in names})
        for line in lines
        if line.get("kind") in get_args(FindingKind)
        and all(isinstance(line.get(name), str) for name in ("seen", "advice"))
        and all(name in line and isinstance(line[name], int | None) for name in ("epoch", "since"))
    )


def _read(line: str) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("event"), str):
        return None
    text, _, _ = line.rpartition(_SEAL)
    if entry.pop("crc32", None) is not None and _sealed(f"{text}}}") != line:
        return None
    return entry if has_its_values(entry) else None


def epoch_of(line: Mapping[str, Any]) -> EpochDone | None:
    """Return an epoch as it was recorded; None where a figure is missing or is not a finite number."""
    recalls, answers = line.get("val_recalls", ()), line.get("val_answers", ())
    metrics, multi_label = line.get("metrics", {}), line.get("multi_label", False)
    others = ("val_recalls", "val_answers", "metrics", "multi_label")
    names = [field.name for field in fields(EpochDone) if field.name not in others]
    numbers: dict[str, Any] = {name: line.get(name) for name in names}
    if not isinstance(recalls, list | tuple) or not isinstance(answers, list | tuple):
        return None
    if not isinstance(multi_label, bool):
        return None
    if not isinstance(metrics, dict) or not all(
        map(_is_number, [*numbers.values(), *answers, *metrics.values()])
    ):
        return None
    if not all(recall is None or _is_number(recall) for recall in recalls):
        return None
    return EpochDone(
        **numbers,
        val_recalls=tuple(recalls),
        val_answers=tuple(answers),
        metrics=metrics,
        multi_label=multi_label,
    )


def history_in(log: Iterable[Mapping[str, Any]]) -> tuple[EpochDone, ...]:
    """Return the finished epochs in order; of one repeated after a stop, the last."""
    epochs = [epoch_of(line) for line in log if line.get("event") == EpochDone.__name__]
    by_epoch = {done.epoch: done for done in epochs if done is not None}
    return tuple(by_epoch[epoch] for epoch in sorted(by_epoch))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < LARGEST_NUMBER


def _sealed(line: str) -> str:
    """Return a line of JSON with its checksum as its last field."""
    return f'{line[:-1]}{_SEAL}{zlib.crc32(line.encode()):08x}"}}'
