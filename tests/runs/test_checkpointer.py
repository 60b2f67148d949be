"""What survives a training: the best epoch's weights, and a checkpoint between epochs."""

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.errors import TellapartError
from tellapart.events import EpochDone
from tellapart.metrics.validation import validated
from tellapart.recipes.config import OptimizerSettings
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
    with pytest.raises(TellapartError, match=r"diverged in epoch 1: .*nan.*smaller optimizer\.learning_rate"):
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


@pytest.mark.parametrize(("seconds", "repeated"), [(0.0, [2]), (3600.0, None)])
def test_a_killed_training_goes_on_from_a_checkpoint_between_epochs(
    seconds, repeated, color_photos, trained, tmp_path, monkeypatch
):
    """A checkpoint is saved once some seconds have passed since the last one; before the first there is none."""
    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", seconds)
    with pytest.raises(Killed):
        tellapart.train(str(color_photos), out=tmp_path / "run", listener=Killer(), epochs=3, **SMALL)
    if repeated is None:
        assert not (tmp_path / "run" / "last.safetensors").exists()
        return
    rest = Epochs()
    resumed = tellapart.train(resume=tmp_path / "run", listener=rest)
    assert rest.finished == repeated
    for ours, theirs in zip(resumed.classifier.model.weights, trained.classifier.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
