"""What survives a training: the best epoch's weights, and checkpoints."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.errors import TellapartError
from tellapart.events import EpochDone, StepDone
from tellapart.metrics.validation import validated
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.recipes.recipes import quick
from tellapart.runs import checkpointer
from tellapart.runs.predictions import load_predictions

SMALL = {"recipe": "quick", "size": (16, 16), "batch_size": 8, "validation_share": 0.2}


def climbing(rate):
    """Return settings whose learning rate climbs to `rate` until the last step."""
    return OptimizerSettings(name="Adam", learning_rate=rate, schedule="cosine", warmup_fraction=1.0)


@pytest.mark.parametrize("stopped_after", [None, 6])
def test_the_model_has_the_weights_of_the_best_epoch(stopped_after, tmp_path):
    """A rate that climbs too high spoils what the first epochs learned, also if the run is stopped in between."""
    labels = np.arange(150) % 3
    noise = np.random.default_rng(0).integers(0, 100, (150, 16, 16, 3))
    images = (noise + 60 * np.eye(3)[labels][:, None, None]).astype(np.uint8)
    config = quick().changed(optimizer=climbing(0.1), epochs=12, precision="float32", **SMALL)
    epochs = Epochs()
    result = tellapart.train(
        images,
        labels=labels,
        recipe=config,
        out=tmp_path / "run",
        listener=epochs,
        should_stop=lambda: len(epochs.finished) == stopped_after,
    )
    if stopped_after is not None:
        assert not result.finished
        result = tellapart.train(images, labels=labels, resume=tmp_path / "run", verbose=False)
    best = max(result.history, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
    assert best.val_accuracy > result.history[-1].val_accuracy, "or this test would say nothing"
    held_out = load_predictions(tmp_path / "run" / "predictions.safetensors")["validation"]
    validation = validated(held_out.probabilities, held_out.labels)
    assert validation.accuracy == best.val_accuracy
    assert validation.loss == pytest.approx(best.val_loss, rel=1e-6)


def test_a_training_that_diverges_stops_with_a_next_step(color_photos, tmp_path):
    config = quick().changed(optimizer=climbing(1e30), epochs=8, precision="float32", **SMALL)
    with pytest.raises(
        TellapartError, match=r"diverged twice in its first epoch.*much lower --learning-rate \(this run: "
    ):
        tellapart.train(str(color_photos), recipe=config, out=tmp_path / "run", verbose=False)


class Killed(BaseException):
    """Stands in for a killed process."""


class Killer(Listener):
    """Listener that kills the training after its second epoch."""

    def event(self, event):
        if isinstance(event, EpochDone) and event.epoch == 1:
            raise Killed


class Epochs(Listener):
    """Listener that records the finished epochs."""

    def __init__(self):
        self.finished = []

    def event(self, event):
        if isinstance(event, EpochDone):
            self.finished.append(event.epoch)


@pytest.mark.parametrize(("seconds", "rest_of_epochs"), [(-1.0, [2]), (3600.0, [0, 1, 2])])
def test_a_killed_training_goes_on_from_its_last_checkpoint(
    seconds, rest_of_epochs, color_photos, trained, tmp_path, monkeypatch
):
    """A checkpoint is saved once some seconds have passed since the last one; without one, all is repeated."""
    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", seconds)
    monkeypatch.setattr(checkpointer, "SHARE_FOR_SAVING", np.inf)
    with pytest.raises(Killed):
        tellapart.train(str(color_photos), out=tmp_path / "run", listener=Killer(), epochs=3, **SMALL)
    assert (tmp_path / "run" / "last.safetensors").exists() == (rest_of_epochs == [2])
    rest = Epochs()
    resumed = tellapart.train(resume=tmp_path / "run", listener=rest)
    assert rest.finished == rest_of_epochs
    for ours, theirs in zip(resumed.classifier.model.weights, trained.classifier.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_checkpoints_that_take_long_are_written_less_often(color_photos, tmp_path, monkeypatch):
    """Saving takes a twentieth of the training's time at most: after a save that took 1 s, 20 s pass."""
    now, saved_at = [0.0], []

    def slow(*_):
        saved_at.append(now[0])
        now[0] += 1.0

    class Clock(Listener):
        def event(self, event):
            if isinstance(event, StepDone):
                now[0] += 1.0

    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", 3.0)
    monkeypatch.setattr(checkpointer, "save_checkpoint", slow)
    monkeypatch.setattr(checkpointer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    tellapart.train(str(color_photos), out=tmp_path / "run", listener=Clock(), epochs=12, **SMALL)
    assert saved_at[0] == 4.0
    between = [after - before for before, after in itertools.pairwise(saved_at[:-1])]
    assert between
    assert min(between) >= 20.0
