"""Curves as the trackers' own libraries read them back. Used by `trackers.py` and by the tests."""

import json
import math
import struct
from pathlib import Path

from tellapart.runs.metrics_file import METRICS
from tellapart.trackers.kept import read_kept

CURVES = METRICS[1:]


def read_curves(tracker, run_folder):
    """Return metric -> {epoch: value} of a run, for the columns of metrics.csv; of a repeated epoch the later."""
    return READERS[tracker](Path(run_folder))


def _of_tensorboard(run_folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in CURVES}


def _of_mlflow(run_folder):
    from mlflow import MlflowClient

    kept = read_kept(run_folder)["mlflow"]
    client = MlflowClient(tracking_uri=kept["uri"])
    history = {name: client.get_metric_history(kept["run"], name) for name in CURVES}
    return {
        name: {metric.step: metric.value for metric in sorted(history[name], key=lambda each: each.timestamp)}
        for name in CURVES
    }


def _of_wandb(run_folder):
    """Read the files that offline mode leaves, in the order of their sessions."""
    curves = {name: {} for name in CURVES}
    for file in sorted((run_folder / "wandb").glob("offline-run-*/run-*.wandb")):
        for row in _wandb_rows(file):
            for name in CURVES:
                if name in row and "epoch" in row:
                    curves[name][int(row["epoch"])] = float(row[name])
    return curves


def _wandb_rows(file):
    """Yield what was logged. W&B no longer ships a reader in Python; the records are its own protocol's."""
    from wandb.proto.wandb_internal_pb2 import Record

    for data in _leveldb_records(file.read_bytes()[7:], 7):
        record = Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            yield {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }


BLOCK, HEAD = 32_768, 7
"""Bytes of a block, and of a record's head: checksum (4), length (2), kind (1). Source: LevelDB's log format."""

WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
"""Kinds: a record, and the pieces of one that is divided."""


def _leveldb_records(content, offset):
    """Yield the records of a log that follows `offset` bytes of another head."""
    place, parts = 0, b""
    while place + HEAD <= len(content):
        if BLOCK - (place + offset) % BLOCK < HEAD:
            place += BLOCK - (place + offset) % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        piece = content[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (WHOLE, FIRST):
            parts = b""
        parts += piece
        if kind in (WHOLE, LAST):
            yield parts


def _of_trackio(run_folder):
    from trackio.sqlite_storage import SQLiteStorage

    rows = SQLiteStorage.get_logs("tellapart", read_kept(run_folder)["trackio"]["run"])
    return {name: {int(row["step"]): float(row[name]) for row in rows if name in row} for name in CURVES}


READERS = {
    "tensorboard": _of_tensorboard,
    "trackio": _of_trackio,
    "wandb": _of_wandb,
    "mlflow": _of_mlflow,
}


def largest_difference(curves, rows):
    """Return the largest difference from metrics.csv; infinite where an epoch lacks, or there are others.

    Args:
        curves: of `read_curves`.
        rows: metrics.csv, epoch -> its figures.
    """
    if any(set(curve) != set(rows) for curve in curves.values()):
        return math.inf
    return max(abs(curve[epoch] - rows[epoch][name]) for name, curve in curves.items() for epoch in rows)
