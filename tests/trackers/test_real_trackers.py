"""The real libraries, offline: their curves, read back by themselves, are those of metrics.csv; also after a stop."""

import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tellapart

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "recipe": "quick",
    "epochs": 3,
    "size": (16, 16),
    "batch_size": 8,
    "predictions": 0,
    "verbose": False,
}
READ = """
import json, sys
sys.path.append(sys.argv[1])
from tracked_curves import read_curves
print(json.dumps(read_curves(sys.argv[2], sys.argv[3])))
"""


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A folder of its own for what lies outside run folders, and none of the user's settings."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("WANDB_", "MLFLOW_", "TRACKIO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    return tmp_path


def curves_of(tracker, folder):
    """Read in another process: W&B writes its last rows when this one ends."""
    command = [sys.executable, "-c", READ, str(BENCHMARKS), tracker, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    curves = json.loads(done.stdout.splitlines()[-1])
    return {name: {int(epoch): value for epoch, value in curve.items()} for name, curve in curves.items()}


def metrics(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return {int(row["epoch"]): {n: float(v) for n, v in row.items()} for row in csv.DictReader(file)}


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio", "mlflow"])
def test_curves_read_back_are_those_of_metrics_csv(tracker, color_photos, offline):
    if find_spec(tracker) is None:
        pytest.skip(f"{tracker} is not installed")
    steps = iter(range(100))
    stopped = tellapart.train(
        str(color_photos),
        out=offline / "runs" / "a",
        log=tracker,
        should_stop=lambda: next(steps) > 6,
        **SMALL,
    )
    assert not stopped.finished
    result = tellapart.train(resume=stopped.folder, verbose=False)  # goes on in the tracker that it had
    rows, curves = metrics(result.folder), curves_of(tracker, result.folder)
    assert set(rows) == {1, 2, 3}
    for name, curve in curves.items():
        exact = {epoch: row[name] for epoch, row in rows.items()}
        assert curve == (pytest.approx(exact, rel=1e-6) if tracker == "tensorboard" else exact), name


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_offline_has_the_curves_of_metrics_csv(color_photos, offline):
    """In processes of their own, as commands run, for W&B writes its last rows when a process ends."""
    command = [
        sys.executable, "-m", "tellapart", "train", color_photos, "--recipe", "quick", "--epochs", "3", "--size", "16",
        "--batch-size", "8", "--out", "runs/a", "--log", "wandb", "--quiet",
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert "offline in" in done.stderr + done.stdout
    rows = metrics(offline / "runs" / "a")
    curves = curves_of("wandb", offline / "runs" / "a")
    assert all(curve == {epoch: row[name] for epoch, row in rows.items()} for name, curve in curves.items())


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_an_epoch_that_comes_again_replaces_the_one_before(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from tellapart.trackers.registry import trackers_of

    ((_, tracker),) = trackers_of("tensorboard")
    tracker.start(tmp_path, {"epochs": 3}, {"name": "photos"})
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
    for step, value in [(1, 1.0), (2, 0.5), (3, 9.0), (2, 0.25), (3, 0.125)]:
        tracker.log(dict.fromkeys(names, value), step)
    tracker.finish({"state": "finished", "test_mean_average_precision": 0.75, "test_pictures": 8})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(each.step, each.value) for each in events.Scalars("test_mean_average_precision")] == [(3, 0.75)]
    assert curves_of("tensorboard", tmp_path)["loss"] == {1: 1.0, 2: 0.25, 3: 0.125}
