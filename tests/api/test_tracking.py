"""What a training tells its trackers: each epoch once, as metrics.csv has it, whatever happens between."""

import csv
import json
import warnings

import pytest

import tellapart
from tellapart.errors import ConfigError, MissingExtraError, TellapartError
from tellapart.trackers import registry
from tellapart.trackers.kept import TRACKERS_FILE, keep, read_kept
from tellapart.trackers.plain import flat

SMALL = {
    "recipe": "quick",
    "epochs": 3,
    "size": (16, 16),
    "batch_size": 8,
    "predictions": 0,
    "verbose": False,
}


class Recorder:
    """A tracker that remembers what it was told; it fails at the epochs in `fails`."""

    place = "memory"

    def __init__(self, fails=(), fails_at_start=False):
        self.fails, self.fails_at_start = fails, fails_at_start
        self.started, self.logged, self.finished = [], [], []

    def start(self, run_folder, config, data):
        if self.fails_at_start:
            raise OSError("no such server")
        self.started.append((run_folder, config, data))

    def log(self, values, step):
        if step in self.fails:
            raise ConnectionError("the line is cut")
        self.logged.append((step, values))

    def finish(self, summary):
        self.finished.append(summary)


def metrics(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [(int(row.pop("epoch")), row) for row in rows]


def test_a_tracker_hears_what_metrics_csv_has(color_photos, tmp_path):
    tracker = Recorder()
    result = tellapart.train(str(color_photos), out=tmp_path / "run", log=tracker, **SMALL)
    assert tracker.logged == metrics(result.folder)
    ((folder, config, data),) = tracker.started
    assert folder == result.folder
    assert (config["recipe"], config["epochs"], config["size"]) == ("quick", 3, (16, 16))
    assert (data["name"], data["pictures"]["test"]) == (color_photos.name, 15)
    (summary,) = tracker.finished
    assert summary["state"] == "finished"
    assert summary["test_accuracy"] == result.scores.accuracy
    assert (summary["test_accuracy_low"], summary["test_accuracy_high"]) == result.scores.interval
    assert summary["test_pictures"] == 15


def test_a_stopped_training_goes_on_in_the_same_curves(color_photos, tmp_path):
    tracker, steps = Recorder(), iter(range(100))
    stopped = tellapart.train(
        str(color_photos), out=tmp_path / "run", log=tracker, should_stop=lambda: next(steps) > 6, **SMALL
    )
    assert not stopped.finished
    assert tracker.finished == [{"state": "stopped", "best_epoch": 1}]
    later = Recorder()
    result = tellapart.train(resume=stopped.folder, log=later, verbose=False)
    assert tracker.logged + later.logged == metrics(result.folder)
    assert [step for step, _ in tracker.logged + later.logged] == [1, 2, 3]


def test_a_tracker_that_joins_later_gets_the_epochs_before(color_photos, tmp_path):
    steps = iter(range(100))
    stopped = tellapart.train(
        str(color_photos), out=tmp_path / "run", should_stop=lambda: next(steps) > 6, **SMALL
    )
    tracker = Recorder()
    result = tellapart.train(resume=stopped.folder, log=tracker, verbose=False)
    assert tracker.logged == metrics(result.folder)


def test_a_tracker_that_fails_ends_nothing(color_photos, tmp_path):
    failing, sound = Recorder(fails={2}), type("Sound", (Recorder,), {})()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = tellapart.train(str(color_photos), out=tmp_path / "run", log=[failing, sound], **SMALL)
    said = [str(each.message) for each in caught if "tracker" in str(each.message)]
    assert said == [
        "The tracker Recorder failed (ConnectionError: the line is cut). The training goes on without it; metrics.csv "
        "has every epoch."
    ]
    assert result.finished
    assert [step for step, _ in failing.logged] == [1]
    assert failing.finished == []
    assert [step for step, _ in sound.logged] == [1, 2, 3]


def test_a_tracker_that_fails_at_the_end_loses_its_last_figures_alone(color_photos, tmp_path):
    tracker = Recorder()
    tracker.finish = lambda summary: 1 / 0
    with pytest.warns(UserWarning, match="failed .* Its last figures may be missing there") as caught:
        tellapart.train(str(color_photos), out=tmp_path / "run", log=tracker, **SMALL)
    assert not any("goes on without it" in str(each.message) for each in caught)


def test_a_tracker_that_cannot_start_ends_the_training_before_its_first_step(color_photos, tmp_path):
    with pytest.raises(
        TellapartError, match=r"Recorder could not be started .*no such server.*Nothing was trained"
    ):
        tellapart.train(str(color_photos), out=tmp_path / "run", log=Recorder(fails_at_start=True), **SMALL)
    assert not (tmp_path / "run" / "metrics.csv").exists()
    assert tellapart.train(resume=tmp_path / "run", log="none", verbose=False).finished


def test_a_training_that_fails_says_so_to_its_tracker(color_photos, tmp_path):
    tracker = Recorder()

    def stop():
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        tellapart.train(str(color_photos), out=tmp_path / "run", log=tracker, should_stop=stop, **SMALL)
    assert tracker.finished == [{"state": "failed"}]


def test_a_transfer_without_epochs_tells_its_test_accuracy(color_photos, tmp_path):
    tracker = Recorder()
    result = tellapart.train(
        str(color_photos), out=tmp_path / "run", size=(32, 32), predictions=0, verbose=False, log=tracker
    )
    assert tracker.logged == []
    assert tracker.finished[0]["test_accuracy"] == result.scores.accuracy


def test_after_a_divergence_epochs_come_again(trained):
    from tellapart.api.listener import Listener
    from tellapart.api.tracking import Tracking
    from tellapart.events import Diverged, EpochDone

    tracker = Recorder()
    tracking = Tracking(Listener(), [("mine", tracker)])
    tracking._done = {"mine": 0}
    tracking._folder = type("Folder", (), {"path": trained.folder})
    for event in [_epoch(0), _epoch(1), Diverged(2, 1, 0.1), _epoch(1), _epoch(2)]:
        tracking.event(event)
    assert [step for step, _ in tracker.logged] == [1, 2, 2, 3]
    assert isinstance(_epoch(0), EpochDone)
    (trained.folder / TRACKERS_FILE).unlink()


def _epoch(number):
    from tellapart.events import EpochDone

    return EpochDone(number, 3, 1.0, 0.5, 1.1, 0.4, 0.01, 2.0)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("tensorbord", r"tensorboard, trackio, wandb, mlflow or none.*got 'tensorbord'"),
        ("", "got ''"),
        (3, "an object with the methods start"),
        (Recorder, "the class Recorder; give an object"),
        ("none,wandb", '"none", or names trackers'),
        ([Recorder(), Recorder()], "Recorder more than once"),
    ],
)
def test_what_is_no_tracker_is_refused_before_anything_is_read(log, said):
    with pytest.raises(ConfigError, match=said):
        tellapart.train("no-such-data", log=log)


def test_a_missing_package_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setattr(registry, "TRACKERS", {"absent_tracker": "x:Y"})
    monkeypatch.setattr(registry, "TITLES", {"absent_tracker": "Absent"})
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[absent_tracker\]'"):
        tellapart.train("no-such-data", log="absent_tracker")


def test_what_trackers_keep_survives_rot(tmp_path):
    keep(tmp_path, "a", run="1", epochs=3)
    keep(tmp_path, "b", run="2")
    keep(tmp_path, "a", epochs=4)
    assert read_kept(tmp_path) == {"a": {"run": "1", "epochs": 4}, "b": {"run": "2"}}
    (tmp_path / TRACKERS_FILE).write_text("{")
    assert read_kept(tmp_path) == {}
    (tmp_path / TRACKERS_FILE).write_text(json.dumps({"a": 3}))
    assert read_kept(tmp_path) == {}


def test_settings_become_one_level():
    settings = {"a": 1, "b": {"c": True, "d": {"e": "x" * 900}}, "f": (1, 2)}
    assert flat(settings) == {"a": 1, "b.c": True, "b.d.e": "x" * 499 + "…", "f": "(1, 2)"}
