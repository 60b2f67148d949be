"""Run folders as several versions wrote them, made by hand in a moment; and what can happen to them."""

import json
import struct
import zipfile
from dataclasses import asdict
from pathlib import Path

from tellapart.events import EpochDone
from tellapart.metrics.scores import wilson_interval
from tellapart.runs.event_log import event_line
from tellapart.runs.metrics_file import metrics_heading, metrics_line
from tellapart.runs.sealed_settings import digest_of_file, write_sealed

VERSIONS = ("first", "middle", "today")
"""first: neither digests nor checksums, no cost, no recall of each class. middle: with the cost. today: sealed."""


def make_run(
    folder: Path,
    *,
    version: str = "today",
    data: str = "photos",
    recipe: str = "fast",
    correct: int | None = 900,
    pictures: int = 1000,
    epochs: int = 3,
    planned: int = 3,
    seconds: float = 12.5,
    started: str = "2026-11-30T10:00:00+00:00",
    settings: dict | None = None,
) -> Path:
    """Make a run folder; one without `correct` was stopped after `epochs`."""
    folder.mkdir(parents=True)
    (folder / "split.csv").write_text("id,class,split\na,cat,train\n")
    history = [epoch_done(number, planned, version) for number in range(epochs)]
    events = [("EpochDone", _as_logged(done, version)) for done in history]
    if version != "first":
        events.append(("Cost", {"seconds": seconds, "joules": None, "threads": 2}))
    if correct is not None:
        events.append(("Scored", _scores(correct, pictures, version)))
        _write_tensors(folder / "predictions.safetensors")
        with zipfile.ZipFile(folder / "model.keras", "w") as file:
            file.writestr("config.json", "{}" * 100)
        (folder / "report.html").write_text("<!doctype html>")
    _write_tensors(folder / "last.safetensors")
    lines = [event_line(*event) if version == "today" else _plain_line(*event) for event in events]
    (folder / "log.jsonl").write_text("".join(lines))
    (folder / "metrics.csv").write_text(metrics_heading(history) + "".join(map(metrics_line, history)))
    _write_settings(folder, version, data, recipe, planned, started, settings or {})
    return folder


def epoch_done(number: int, planned: int, version: str = "today") -> EpochDone:
    share = (number + 1) / (planned + 1)
    more = {} if version == "first" else {"val_recalls": (share, None), "val_answers": (3, 4)}
    return EpochDone(number, planned, 1 - share, share, 1.1 - share, share, 0.01, 2.5, **more)


def _as_logged(done: EpochDone, version: str) -> dict:
    values = asdict(done)
    return {
        n: v
        for n, v in values.items()
        if version != "first" or n not in ("val_recalls", "val_answers", "metrics")
    }


def _scores(correct: int, pictures: int, version: str) -> dict:
    accuracy = correct / pictures
    values = {
        "split": "test",
        "pictures": pictures,
        "loss": 0.3,
        "accuracy": accuracy,
        "interval": list(wilson_interval(correct, pictures)),
        "naive_accuracy": 0.1,
        "classes": [],
        "confusion": [[correct, pictures - correct]],
    }
    return values if version == "first" else {**values, "tta_views": 2}


def _plain_line(event: str, values: dict) -> str:
    return json.dumps({"at": "2026-11-22T10:00:00.000+00:00", "event": event, **values}) + "\n"


def _write_tensors(path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


def _write_settings(folder, version, data, recipe, planned, started, more) -> None:
    settings = {
        "tellapart": "0.1.0",
        "started": started,
        "run": {
            "recipe": recipe,
            "epochs": planned,
            "seed": 0,
            "optimizer": {"name": "Adam", "learning_rate": 0.1},
        },
        "data": {
            "name": data,
            "where": f"/data/{data}",
            "class_names": ["cat", "dog"],
            "pictures": {"test": 1},
        },
        "versions": {"torch": "2.10"},
        "hardware": {"cores": 2},
    }
    settings["run"] |= more
    if version == "today":
        settings["data"]["split_sha256"] = digest_of_file(folder / "split.csv")
    write_sealed(folder / "run.toml", settings)
    if version != "today":
        text = (folder / "run.toml").read_text().partition("\n")[2]
        (folder / "run.toml").write_text(text)


DAMAGES = {
    "run.toml lost": (lambda run: (run / "run.toml").unlink(), "run.toml is missing"),
    "run.toml changed": (
        lambda run: _replace(run / "run.toml", "photos", "phot0s"),
        "run.toml is not as it was written",
    ),
    "run.toml cut": (lambda run: _cut(run / "run.toml", 120), "run.toml is not as it was written"),
    "log.jsonl flipped": (
        lambda run: _replace(run / "log.jsonl", '"loss": 0.3', '"loss": 0.1'),
        "1 damaged line",
    ),
    "log.jsonl cut": (lambda run: _cut(run / "log.jsonl", 500), "lacks the scores"),
    "log.jsonl lost": (lambda run: (run / "log.jsonl").unlink(), "lacks the scores"),
    "metrics.csv lost": (lambda run: (run / "metrics.csv").unlink(), "metrics.csv lacks 3 epochs"),
    "split.csv lost": (lambda run: (run / "split.csv").unlink(), "split.csv is missing"),
    "split.csv changed": (
        lambda run: _replace(run / "split.csv", "cat", "dog"),
        "split.csv is not as it was",
    ),
    "model.keras lost": (lambda run: (run / "model.keras").unlink(), "model.keras is missing"),
    "model.keras cut": (lambda run: _cut(run / "model.keras", 60), "model.keras is damaged"),
    "predictions cut": (
        lambda run: _cut(run / "predictions.safetensors", 70),
        "predictions.safetensors is damaged",
    ),
    "checkpoint cut": (lambda run: _cut(run / "last.safetensors", 4), "last.safetensors is damaged"),
    "checkpoint noise": (
        lambda run: (run / "last.safetensors").write_bytes(b"\xff" * 90),
        "last.safetensors is damaged",
    ),
}
"""What happened -> how, and what is said of it."""


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _cut(path: Path, length: int) -> None:
    content = path.read_bytes()
    assert len(content) > length
    path.write_bytes(content[:length])
