"""The loop and its checkpoints: stopping anywhere changes nothing."""

import numpy as np
import pytest

from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.errors import ModelError
from tellapart.events import EpochDone, StepDone, Stopped
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.metrics.validation import Validation
from tellapart.runs.checkpoint import load_checkpoint, save_checkpoint
from tellapart.training.loader import DataLoader
from tellapart.training.loop import run_epochs
from tellapart.training.state import TrainState
from tellapart.training.step import TrainStep

keras = import_keras()
layers = keras.layers
PICTURES, BATCH, EPOCHS = 50, 8, 3


def small_model():
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-2, decay_steps=1, decay_rate=1e-2)
    model.compile(keras.optimizers.RMSprop(rate), "categorical_crossentropy")
    return model


@pytest.fixture
def loader():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (PICTURES, 8, 8, 3), np.uint8)
    labels = random.integers(0, 3, PICTURES)
    store = ImageStore(images, labels, tuple(map(str, range(PICTURES))))
    batches = BatchSampler(n=PICTURES, batch_size=BATCH, seed=3)
    return DataLoader(store, 3, batches, Augmentation.tutorial())


def run(model, loader, state, stop_after=None):
    """Train to the end, or to the given number of steps; return the events."""
    taken = []

    def should_stop():
        taken.append(None)
        return len(taken) == stop_after

    step = TrainStep(lower(model))
    return list(
        run_epochs(
            step, loader, lambda: Validation(0.5, 0.25, (0.5, 0.0), (8, 8)), state, EPOCHS, should_stop
        )
    )


def test_every_picture_is_seen_once_an_epoch(loader):
    events = run(small_model(), loader, TrainState())
    steps_per_epoch = -(-PICTURES // BATCH)
    assert [event.step for event in events if isinstance(event, StepDone)] == list(
        range(steps_per_epoch)
    ) * EPOCHS
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == list(range(EPOCHS))


def test_the_rate_reported_is_the_one_last_used(loader):
    events = run(small_model(), loader, TrainState())
    steps = -(-PICTURES // BATCH)
    rates = [event.learning_rate for event in events if isinstance(event, EpochDone)]
    assert rates == pytest.approx([1e-2 / (1 + 1e-2 * (steps * (epoch + 1) - 1)) for epoch in range(EPOCHS)])


@pytest.mark.parametrize("stop_after", [1, 6, 7, 8, 20])
def test_a_run_stopped_anywhere_and_resumed_is_the_run_never_stopped(loader, stop_after, tmp_path):
    unbroken = small_model()
    expected = [event for event in run(unbroken, loader, TrainState()) if isinstance(event, EpochDone)]

    stopped, state = small_model(), TrainState()
    events = run(stopped, loader, state, stop_after)
    assert isinstance(events[-1], Stopped)
    save_checkpoint(tmp_path / "last.safetensors", stopped, state, best=None)

    resumed = small_model()
    resumed.set_weights([np.zeros_like(weight) for weight in resumed.get_weights()])
    state, best, said = load_checkpoint(tmp_path / "last.safetensors", resumed)
    run(resumed, loader, state)

    assert (best, said) == (None, "")
    for ours, theirs in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    without_time = [(e.epoch, e.loss, e.accuracy, e.learning_rate) for e in state.history]
    assert without_time == [(e.epoch, e.loss, e.accuracy, e.learning_rate) for e in expected]


def test_the_best_weights_travel_with_the_checkpoint(tmp_path):
    model = small_model()
    model.optimizer.build(model.trainable_variables)
    best = [weight + 1 for weight in model.get_weights()]
    save_checkpoint(tmp_path / "last.safetensors", model, TrainState(epoch=2), best)
    state, best_weights, _ = load_checkpoint(tmp_path / "last.safetensors", small_model())
    assert state.epoch == 2
    for ours, theirs in zip(best_weights, best, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_or_missing_checkpoint_is_refused_in_words(content, tmp_path):
    path = tmp_path / "last.safetensors"
    if content is not None:
        path.write_bytes(content)
    met = "no such file" if content is None else "not a readable checkpoint"
    with pytest.raises(ModelError, match=f"{met}.*in a new run folder"):
        load_checkpoint(path, small_model())


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    model = small_model()
    model.optimizer.build(model.trainable_variables)
    save_checkpoint(tmp_path / "last.safetensors", model, TrainState(), None)
    other = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    other.compile("sgd", "mse")
    with pytest.raises(ModelError, match="another network"):
        load_checkpoint(tmp_path / "last.safetensors", other)
