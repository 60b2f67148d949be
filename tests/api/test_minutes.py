"""A training with a number of minutes: planned, forecast, recorded, and done again without the clock."""

import dataclasses
import json
import tomllib

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tellapart
from tellapart.api.listener import Listener
from tellapart.api.minutes import candidate, plan, scratch
from tellapart.api.minutes.deadline import Deadline, deadline_from
from tellapart.errors import ConfigError
from tellapart.events import StepDone
from tellapart.keras_backend import import_keras
from tellapart.recipes.recipes import fast, transfer
from tellapart.recipes.transfer_settings import HeadSettings
from tellapart.runs import checkpointer
from tellapart.training.step_plan import StepPlan

keras = import_keras()
MINUTES = 5
"""More than any machine needs for what these tests plan: they end by their epochs, not by the clock."""


@pytest.fixture(autouse=True, scope="module")
def short():
    """At most two epochs, and no more measuring than there must be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate, "MOST_EPOCHS", 2)
        patch.setattr(plan, "SHARE_FOR_MEASURING", 0.0)
        yield


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return np.clip(16 * data.images, 0, 255).astype(np.uint8), data.target


@pytest.fixture(scope="module")
def photos(digits):
    """300 digits in color, as a backbone reads them."""
    return np.repeat(digits[0][:300, ..., None], 3, axis=3), digits[1][:300]


def small():
    return fast(mirrors=False).changed(
        widths=(8, 16, 16), batch_size=64, statistics_over=None, precision="float32", predictions=0
    )


def small_transfer(**changes):
    config = transfer(mirrors=False)
    tuning = dataclasses.replace(config.fine_tuning, stages=1, epochs=2, fewest_wrong=0)
    return config.changed(
        head=HeadSettings(penalties=(0.1,), mirror=False),
        fine_tuning=tuning,
        size=(32, 32),
        validation="held out",
        validation_share=0.2,
        precision="float32",
        predictions=0,
        **changes,
    )


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return tellapart.train(digits, recipe=small(), minutes=MINUTES, out=folder, verbose=False)


def settings_of(folder):
    return tomllib.loads((folder / "run.toml").read_text())


def weights_of(folder):
    return keras.models.load_model(folder / "model.keras", compile=False).get_weights()


def assert_same_weights(folder, other):
    for weight, expected in zip(weights_of(folder), weights_of(other), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_it_does_the_steps_that_its_record_says(run):
    settings = settings_of(run.folder)["run"]
    planned = StepPlan.of(tuple(settings["planned_steps"]))
    assert settings["epochs"] == len(run.history) == run.classifier.card.origin["epochs"]
    steps_per_epoch = -(-settings_of(run.folder)["data"]["pictures"]["train"] // settings["batch_size"])
    assert planned.epochs(steps_per_epoch) == settings["epochs"]


def test_the_forecast_comes_with_its_basis_and_what_became_of_it(run):
    forecast = run.forecast
    assert forecast["low"] <= forecast["accuracy"] <= forecast["high"]
    assert "curve through trainings of" in forecast["basis"]
    assert "a step of 64 pictures" in forecast["measured"]
    assert forecast["outcome"]["accuracy"] == run.history[-1].val_accuracy
    assert forecast["outcome"]["inside"] == (
        forecast["low"] <= run.history[-1].val_accuracy <= forecast["high"]
    )
    assert settings_of(run.folder)["forecast"]["accuracy"] == forecast["accuracy"]
    assert forecast["basis"] in run.report.read_text()


def test_the_rate_reaches_its_end_with_the_last_step(run):
    first, last = run.history[0].learning_rate, run.history[-1].learning_rate
    assert last < 0.05 * first


def test_repeating_the_run_does_the_same_steps_without_a_clock(run, digits, tmp_path):
    again = tellapart.train(digits, config=run.folder, out=tmp_path / "again", verbose=False)
    assert again.forecast is None
    assert_same_weights(run.folder, again.folder)


class Killed(BaseException):
    """Stands in for a killed process."""


class KillerAfter(Listener):
    def __init__(self, steps):
        self.left = steps

    def event(self, event):
        if isinstance(event, StepDone):
            self.left -= 1
            if not self.left:
                raise Killed


def test_a_killed_run_is_resumed_by_its_recorded_plan(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(checkpointer, "SHARE_FOR_SAVING", 1e9)
    given = {"recipe": small(), "minutes": MINUTES, "out": tmp_path / "run", "verbose": False}
    with pytest.raises(Killed):
        tellapart.train(digits, **{**given, "listener": KillerAfter(20)})
    resumed = tellapart.train(digits, resume=tmp_path / "run", verbose=False)
    again = tellapart.train(digits, config=tmp_path / "run", out=tmp_path / "again", verbose=False)
    assert resumed.forecast["low"] <= resumed.forecast["high"]
    assert_same_weights(resumed.folder, again.folder)


def test_a_target_ends_it_before_its_time(digits, tmp_path):
    result = tellapart.train(
        digits, recipe=small(), minutes=MINUTES, target=0.3, out=tmp_path / "run", verbose=False
    )
    assert result.history[-1].val_accuracy >= 0.3
    assert len(result.history) < settings_of(result.folder)["run"]["epochs"]


@pytest.mark.long
def test_a_transfer_fine_tunes_in_the_time_that_is_left(photos, tmp_path):
    result = tellapart.train(
        photos, recipe=small_transfer(), minutes=MINUTES, out=tmp_path / "run", verbose=False
    )
    settings = settings_of(result.folder)["run"]
    assert settings["fine_tune"] == "on"
    assert StepPlan.of(tuple(settings["fine_tuning"]["planned_steps"])).total > 0
    assert result.forecast["outcome"]["accuracy"] is not None
    again = tellapart.train(photos, config=result.folder, out=tmp_path / "again", verbose=False)
    assert_same_weights(result.folder, again.folder)


def test_a_transfer_that_reaches_its_target_by_its_last_layer_is_done(photos, tmp_path):
    result = tellapart.train(
        photos, recipe=small_transfer(target=0.2), minutes=MINUTES, out=tmp_path / "run", verbose=False
    )
    lines = [json.loads(line) for line in (result.folder / "log.jsonl").read_text().splitlines()]
    skipped = [line["reason"] for line in lines if line["event"] == "FineTuningSkipped"]
    assert skipped == ["the last layer alone reaches the target"]


@pytest.mark.parametrize("minutes", [0, -1, "5", True, float("nan"), float("inf"), [5]])
def test_what_is_no_number_of_minutes_is_refused(minutes, digits, tmp_path):
    with pytest.raises(ConfigError, match="minutes is a number above 0"):
        tellapart.train(digits, minutes=minutes, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"epochs": 5}, "minutes and epochs"),
        ({"set": {"fine_tuning.epochs": 5}}, "minutes and fine_tuning.epochs"),
        ({"set": ["planned-steps=0:5"]}, "minutes and planned_steps"),
        ({"recipe": "first-cnn"}, "scores its epochs on the test pictures"),
        ({"recipe": "quick", "multi_label": True}, "several labels|multi"),
    ],
)
def test_what_says_the_same_or_cannot_be_forecast_is_refused(beside, words, digits, tmp_path):
    data = digits
    if "multi_label" in beside:
        data = (digits[0], np.eye(10, dtype=np.float32)[digits[1]])
    with pytest.raises(ConfigError, match=words):
        tellapart.train(data, minutes=1, out=tmp_path / "run", verbose=False, **beside)
    assert not (tmp_path / "run").exists()


def test_minutes_beside_a_resumed_run_or_a_model_are_refused():
    with pytest.raises(ConfigError, match="a resumed one does the steps that were planned"):
        deadline_from({"minutes": 1}, resumes=True, has_own_model=False)
    with pytest.raises(ConfigError, match="a model of your own has none"):
        deadline_from({"minutes": 1}, resumes=False, has_own_model=True)


def test_too_few_minutes_are_refused_with_the_number_that_is_needed(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "FIXED_SECONDS", {"scratch": 100.0})
    with pytest.raises(ConfigError, match="Give at least"):
        tellapart.train(digits, recipe=small(), minutes=1, out=tmp_path / "run", verbose=False)
    assert not (tmp_path / "run").exists()


def test_a_deadline_counts_from_where_the_command_began():
    deadline = deadline_from({"minutes": Deadline.of(2, 100.0)}, resumes=False, has_own_model=False)
    assert deadline.ends_at == 220.0
