"""A training killed at any step goes on from a checkpoint within the epoch, to the very same weights."""

from dataclasses import replace

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.events import EpochDone, StepDone
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.recipes.recipes import fast, quick
from tellapart.runs import checkpointer
from tellapart.runs.event_log import read_log
from tellapart.runs.folder import RunFolder

EPOCHS, STEPS = 3, 4
OPTIMIZERS = {
    name: OptimizerSettings(name=name, learning_rate=rate, schedule="cosine", warmup_fraction=0.3)
    for name, rate in [("SGD", 0.05), ("RMSprop", 1e-3), ("Adam", 1e-3)]
}


def config_of(optimizer, augment):
    common = {
        "epochs": EPOCHS,
        "batch_size": 8,
        "precision": "float32",
        "validation_share": 0.2,
        "predictions": 0,
    }
    if optimizer == "Muon":
        config = fast().changed(widths=(8, 8, 8), statistics_over=4, **common)
        assert isinstance(config.optimizer, MuonSettings)
    else:
        config = quick().changed(optimizer=OPTIMIZERS[optimizer], size=(16, 16), **common)
    return config if augment else replace(config, augmentation=None)


@pytest.fixture(scope="module")
def data():
    labels = np.arange(50) % 3
    noise = np.random.default_rng(0).integers(0, 100, (50, 16, 16, 3))
    return (noise + 60 * np.eye(3)[labels][:, None, None]).astype(np.uint8), labels


class Killed(BaseException):
    """Stands in for a killed process: nothing that follows it runs."""


class KillerAfter(Listener):
    """Listener that kills the training after so many steps; it counts the steps that were made."""

    def __init__(self, steps):
        self.steps, self.made = steps, []

    def event(self, event):
        if isinstance(event, StepDone):
            self.made.append((event.epoch, event.step))
            if len(self.made) == self.steps:
                raise Killed


def state_of(model):
    """Every weight and every number of the optimizer."""
    return [*model.get_weights(), *(np.array(v.numpy()) for v in model.optimizer.variables)]


@pytest.fixture
def always_saving(monkeypatch):
    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(checkpointer, "SHARE_FOR_SAVING", np.inf)


@pytest.mark.usefixtures("always_saving")
@pytest.mark.parametrize("augment", [False, True], ids=["plain", "augmented"])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "Muon"])
def test_killed_within_an_epoch_a_training_ends_as_if_it_had_not_been(optimizer, augment, data, tmp_path):
    """Killed at its first step, in the middle of each epoch, and after an epoch's last step."""
    images, labels = data
    config = config_of(optimizer, augment)
    assert (config.augmentation is not None) == augment
    unbroken = tellapart.train(images, labels=labels, recipe=config, out=tmp_path / "whole", verbose=False)
    with pytest.raises(Killed):
        tellapart.train(images, labels=labels, recipe=config, out=tmp_path / "run", listener=KillerAfter(1))
    made = 1
    for cut in (3, 3, 1, 3):
        killer = KillerAfter(cut)
        with pytest.raises(Killed):
            tellapart.train(images, labels=labels, resume=tmp_path / "run", listener=killer)
        assert killer.made[0] == divmod(made, STEPS), "it went on with the step after the checkpoint"
        made += cut
    resumed = tellapart.train(images, labels=labels, resume=tmp_path / "run", verbose=False)
    for ours, theirs in zip(
        state_of(resumed.classifier.model), state_of(unbroken.classifier.model), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert resumed.scores == unbroken.scores
    assert [done.loss for done in resumed.history] == [done.loss for done in unbroken.history]


@pytest.mark.usefixtures("always_saving")
def test_an_epoch_whose_line_was_never_written_gets_it_when_the_run_is_resumed(data, tmp_path, monkeypatch):
    """Killed between the checkpoint at an epoch's end and the epoch's line in log.jsonl."""
    images, labels = data
    config, listen = config_of("Adam", False), RunFolder.listen

    def killed(folder, event):
        if isinstance(event, EpochDone) and event.epoch == 1:
            raise Killed
        listen(folder, event)

    monkeypatch.setattr(RunFolder, "listen", killed)
    with pytest.raises(Killed):
        tellapart.train(images, labels=labels, recipe=config, out=tmp_path / "run", verbose=False)
    monkeypatch.setattr(RunFolder, "listen", listen)
    tellapart.train(images, labels=labels, resume=tmp_path / "run", verbose=False)
    epochs = [
        line["epoch"] for line in read_log(tmp_path / "run" / "log.jsonl")[0] if line["event"] == "EpochDone"
    ]
    assert epochs == [0, 1, 2]
    assert [row["epoch"] for row in tellapart.report(tmp_path / "run").facts["curves"]] == [0, 1, 2]


def test_a_log_whose_last_line_was_cut_short_is_gone_on_with(data, tmp_path):
    images, labels = data
    out = tmp_path / "run"
    config = config_of("SGD", False)
    tellapart.train(images, labels=labels, recipe=config, out=out, verbose=False, should_stop=lambda: True)
    with (out / "log.jsonl").open("a") as log:
        log.write('{"at": "2026-11-29T18:0')
    tellapart.train(images, labels=labels, resume=out, verbose=False)
    entries, damaged = read_log(out / "log.jsonl")
    assert damaged == 0
    assert [line["epoch"] for line in entries if line["event"] == "EpochDone"] == [0, 1, 2]
