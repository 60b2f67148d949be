"""NaN while training: back to the last finite state, on at a lower rate; the second time the best epoch is kept."""

import math

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.errors import TellapartError
from tellapart.events import Diverged, EpochDone, StepDone, Stopped
from tellapart.metrics.validation import validated
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.recipes.recipes import fast, quick
from tellapart.runs.event_log import read_log
from tellapart.runs.predictions import load_predictions
from tellapart.training import loop

EPOCHS, STEPS = 4, 4
COMMON = {
    "epochs": EPOCHS,
    "batch_size": 8,
    "precision": "float32",
    "validation_share": 0.2,
    "predictions": 0,
}
CONFIGS = {
    "Adam": quick().changed(
        optimizer=OptimizerSettings(name="Adam", learning_rate=1e-3, schedule="cosine"),
        size=(16, 16),
        **COMMON,
    ),
    "Muon": fast().changed(widths=(8, 8, 8), statistics_over=4, **COMMON),
}


@pytest.fixture(scope="module")
def data():
    labels = np.arange(50) % 3
    noise = np.random.default_rng(0).integers(0, 100, (50, 16, 16, 3))
    return (noise + 60 * np.eye(3)[labels][:, None, None]).astype(np.uint8), labels


class Ears(Listener):
    """Listener that records events and warnings."""

    def __init__(self):
        self.heard, self.warnings = [], []

    def event(self, event):
        self.heard.append(event)

    def warned(self, words):
        self.warnings.append(words)

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]


@pytest.fixture
def spoil(monkeypatch):
    """Return a function that spoils the training at some steps: `what` at the n-th steps made, from 1."""
    learn, made = loop._learn_one_batch, []

    def begin(what, *at):
        made.clear()

        def spoiled(step, loader, state, epochs):
            made.append(None)
            batch = loader.batch
            if what == "inputs" and len(made) in at:
                loader.batch = lambda *where: (batch(*where)[0] * math.nan, batch(*where)[1])
            event = learn(step, loader, state, epochs)
            loader.batch = batch
            if what == "optimizer" and len(made) in at:  # as a gradient of 1e30 leaves its square
                moments = step.net.model.optimizer.variables[-1]
                moments.assign(moments + math.inf)
            if what in ("weights", "infinity") and len(made) in at:
                kernel = step.net.model.trainable_variables[-1]
                kernel.assign(kernel * (math.nan if what == "weights" else math.inf))
            return event

        monkeypatch.setattr(loop, "_learn_one_batch", spoiled)
        return made

    return begin


def trained(data, out, config="Adam", **others):
    ears = Ears()
    settings = {"resume": out} if "resume" in others else {"recipe": CONFIGS[config], "out": out}
    others.pop("resume", None)
    result = tellapart.train(data[0], labels=data[1], listener=ears, **settings, **others)
    return result, ears


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    ("what", "step", "epoch"),
    [("inputs", 6, 1), ("weights", 6, 1), ("weights", 8, 1), ("infinity", 5, 1), ("optimizer", 8, 1)],
)
def test_after_one_divergence_it_goes_on_from_the_last_epoch_at_a_tenth_of_the_rate(
    what, step, epoch, config, spoil, data, tmp_path
):
    """In the middle of the second epoch, at its last step, and at its first."""
    spoil(what, step)
    result, ears = trained(data, tmp_path / "run", config)
    assert ears.of(Diverged) == [Diverged(epoch, 1, 0.1)]
    assert [done.epoch for done in result.history] == list(range(EPOCHS))
    assert all(math.isfinite(done.loss) and math.isfinite(done.val_loss) for done in result.history)
    assert np.isfinite(np.concatenate([w.ravel() for w in result.classifier.model.get_weights()])).all()
    assert result.finished
    assert result.scores is not None
    spoil("nothing")
    healthy, _ = trained(data, tmp_path / "healthy", config)
    assert healthy.history[0].loss == result.history[0].loss
    for ours, theirs in zip(result.history[1:], healthy.history[1:], strict=True):
        assert ours.learning_rate == pytest.approx(0.1 * theirs.learning_rate, rel=1e-5)


def test_muon_counts_its_steps_on_after_it_went_back(spoil, data, tmp_path):
    """Its rates fall by its own count of steps, which is that of the state that it goes on from."""
    from tellapart.training.optim.muon import MuonOptimizer

    counts, apply = [], MuonOptimizer.apply

    def counted(optimizer, gradients):
        counts.append(optimizer.step)
        apply(optimizer, gradients)

    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(MuonOptimizer, "apply", counted)
        spoil("inputs", 6)
        trained(data, tmp_path / "run", "Muon")
    assert counts == [0, 1, 2, 3, 4, 5, 6, 7, *range(4, 16)]


@pytest.mark.parametrize("config", CONFIGS)
def test_after_the_second_divergence_the_best_epoch_is_scored(config, spoil, data, tmp_path):
    spoil("inputs", 10, 16)
    result, ears = trained(data, tmp_path / "run", config)
    assert [event.rate_factor for event in ears.of(Diverged)] == [0.1, None]
    assert result.finished
    assert len(result.history) == 2
    best = max(result.history, key=lambda done: (done.val_accuracy, -done.val_loss))
    kept = best if CONFIGS[config].keep == "best" else result.history[-1]
    held_out = load_predictions(tmp_path / "run" / "predictions.safetensors")["validation"]
    assert validated(held_out.probabilities, held_out.labels).loss == pytest.approx(kept.val_loss, rel=1e-6)
    assert (
        "Training diverged again in epoch 3: the loss or weights became NaN or infinite. It ends here. "
        in ears.of(Diverged)[1].in_words
    )
    log, _ = read_log(tmp_path / "run" / "log.jsonl")
    assert [line["rate_factor"] for line in log if line["event"] == "Diverged"] == [0.1, None]
    facts = tellapart.report(tmp_path / "run").facts
    assert facts["scores"]["accuracy"] == result.scores.accuracy
    assert [row["epoch"] for row in facts["curves"]] == [0, 1]


def test_a_run_that_ended_so_stays_ended(spoil, data, tmp_path):
    spoil("inputs", 10, 16)
    first, _ = trained(data, tmp_path / "run")
    spoil("nothing")
    again, ears = trained(data, tmp_path / "run", resume=True)
    assert ears.of(StepDone) == []
    assert again.scores == first.scores
    assert len(again.history) == len(first.history)


def test_diverged_twice_before_any_epoch_it_says_what_to_change(spoil, data, tmp_path):
    spoil("inputs", 1, 5)
    with pytest.raises(TellapartError, match="diverged twice in its first epoch") as reason:
        trained(data, tmp_path / "run")
    assert "Try a much lower --learning-rate (this run: 0.001)." in str(reason.value)
    assert "\n" not in str(reason.value)


def test_diverged_once_before_any_epoch_it_begins_again_at_a_lower_rate(spoil, data, tmp_path):
    made = spoil("inputs", 2)
    result, ears = trained(data, tmp_path / "run")
    assert ears.of(Diverged) == [Diverged(0, 0, 0.1)]
    assert "Resuming from the beginning at 0.1 times the learning rate." in ears.of(Diverged)[0].in_words
    assert len(result.history) == EPOCHS
    assert len(made) == STEPS + EPOCHS * STEPS


@pytest.mark.parametrize("config", CONFIGS)
def test_a_resumed_run_remembers_the_lower_rate(config, spoil, data, tmp_path):
    """Stopped after the divergence, it ends as one that was not stopped."""
    spoil("inputs", 6)
    whole, _ = trained(data, tmp_path / "whole", config)
    made = spoil("inputs", 6)
    stopped, ears = trained(data, tmp_path / "run", config, should_stop=lambda: len(made) == 14)
    assert len(ears.of(Diverged)) == len(ears.of(Stopped)) == 1
    spoil("nothing")
    resumed, ears = trained(data, tmp_path / "run", config, resume=True)
    assert not stopped.finished
    assert ears.of(StepDone)
    for ours, theirs in zip(
        resumed.classifier.model.get_weights(), whole.classifier.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert [done.learning_rate for done in resumed.history] == [done.learning_rate for done in whole.history]


def test_a_resumed_run_remembers_that_it_diverged_once(spoil, data, tmp_path):
    made = spoil("inputs", 6)
    trained(data, tmp_path / "run", should_stop=lambda: len(made) == 14)
    spoil("inputs", 1)
    result, ears = trained(data, tmp_path / "run", resume=True)
    assert [event.rate_factor for event in ears.of(Diverged)] == [None]
    assert result.finished
    assert len(result.history) == 2


def test_weights_that_are_not_finite_are_in_no_checkpoint(spoil, data, tmp_path, monkeypatch):
    """A checkpoint is due just when the weights are spoiled, before any loss shows it."""
    from tellapart.runs import checkpointer
    from tellapart.runs.tensors_file import read_tensors

    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(checkpointer, "SHARE_FOR_SAVING", math.inf)
    saved = []
    save = checkpointer.save_checkpoint

    def watched(path, *rest):
        save(path, *rest)
        saved.append(all(np.isfinite(tensor).all() for tensor in read_tensors(path)[0].values()))

    monkeypatch.setattr(checkpointer, "save_checkpoint", watched)
    spoil("weights", 2)
    trained(data, tmp_path / "run")
    assert len(saved) > EPOCHS * STEPS
    assert all(saved)


def test_the_epochs_are_told_once_each(spoil, data, tmp_path):
    spoil("weights", 8)
    _, ears = trained(data, tmp_path / "run")
    assert [done.epoch for done in ears.of(EpochDone)] == [0, 1, 2, 3]
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2", "3", "4"]
