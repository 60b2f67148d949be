"""Training by a recipe: what it refuses, and how it resumes."""

import csv
import warnings

import numpy as np
import pytest

import tellapart
import tellapart.api

import keras  # isort: skip

from tellapart.api.listener import Listener
from tellapart.api.prepare import load_stores
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError
from tellapart.events import Stopped
from tellapart.recipes.recipes import quick

SMALL = {"recipe": "quick", "epochs": 3, "size": (16, 16), "batch_size": 8, "validation_share": 0.2}


def rows_of_metrics(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [row["epoch"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 32.5}, "size is a side"),
        ({"epochs": "3"}, "epochs is of type int"),
        ({"epochs": 1.5}, "epochs is of type int"),
        ({"validation": "foo"}, "validation is 'test' or 'held out'"),
        ({"augmentation": 3}, "augmentation is of type"),
        ({"optimizer": "adagrad"}, "optimizer is one of"),
        ({"nonsense": 1}, "no setting nonsense"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_before_anything_is_written(
    change, message, color_photos, tmp_path
):
    with pytest.raises(ConfigError, match=message):
        tellapart.train(str(color_photos), out=tmp_path / "run", **change)
    assert not (tmp_path / "run").exists()


def test_a_run_stopped_and_resumed_ends_as_the_run_never_stopped(trained, color_photos, tmp_path):
    steps = []

    def after_seven_steps():
        steps.append(None)
        return len(steps) == 7

    stopped = tellapart.train(str(color_photos), out=tmp_path / "run", should_stop=after_seven_steps, **SMALL)
    assert not stopped.finished
    assert stopped.scores is None
    resumed = tellapart.train(resume=tmp_path / "run")
    for ours, theirs in zip(resumed.classifier.model.weights, trained.classifier.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert resumed.scores == trained.scores
    assert rows_of_metrics(tmp_path / "run") == ["1", "2", "3"]


def test_an_epoch_lost_with_a_killed_process_stands_once_in_the_metrics(color_photos, tmp_path):
    class Killed(BaseException):
        pass

    class Killer(Listener):
        def event(self, event):
            if type(event).__name__ == "EpochDone" and event.epoch == 1:
                raise Killed  # after the line in metrics.csv, before the next checkpoint

    stop_at_once = iter([True])
    tellapart.train(
        str(color_photos), out=tmp_path / "run", should_stop=lambda: next(stop_at_once, False), **SMALL
    )
    with pytest.raises(Killed):
        tellapart.train(resume=tmp_path / "run", listener=Killer())
    assert rows_of_metrics(tmp_path / "run") == ["1", "2"]
    tellapart.train(resume=tmp_path / "run")
    assert rows_of_metrics(tmp_path / "run") == ["1", "2", "3"]


def test_a_listener_hears_of_a_stop(color_photos, tmp_path):
    events = []

    class Recorder(Listener):
        def event(self, event):
            events.append(event)

    tellapart.train(
        str(color_photos), out=tmp_path / "run", listener=Recorder(), should_stop=lambda: True, **SMALL
    )
    assert events[-1] == Stopped(epoch=0, step=1)


def test_a_recipe_that_validates_on_the_test_split_takes_no_validation_share(color_photos, tmp_path):
    with pytest.raises(ConfigError, match="holds out no pictures"):
        tellapart.train(str(color_photos), recipe="first-cnn", out=tmp_path / "run", validation_share=0.5)


@pytest.mark.parametrize("recipe", ["quick", "fast", "accurate", "best"])
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_plain_keras_reads_what_any_recipe_saved_and_trains_it_on(tmp_path, recipe, name):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    widths = {} if recipe == "quick" else {"widths": (8, 8, 8)}
    trained = tellapart.train(
        images, labels=np.arange(60) % 3, recipe=recipe, epochs=1, out=tmp_path / "run", **widths
    )
    model = trained.classifier.model
    trained.classifier.save(tmp_path / name)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading")
        read = keras.models.load_model(tmp_path / name)
    assert [v.trainable for v in read.weights] == [v.trainable for v in model.weights]
    for ours, theirs in zip(model.weights, read.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    kept = [] if name.endswith(".h5") else model.optimizer.variables  # Keras 3 reads none from an .h5
    for ours, theirs in zip(kept, read.optimizer.variables, strict=bool(kept)):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    frozen = [v.numpy() for v in read.weights if "whitening" in v.path]
    if name.endswith(".h5"):
        read.compile("sgd", "categorical_crossentropy")
    read.fit(images.astype("float32"), np.eye(3)[np.arange(60) % 3], epochs=1, verbose=0)
    for before, after in zip(frozen, [v for v in read.weights if "whitening" in v.path], strict=True):
        np.testing.assert_array_equal(before, after.numpy())


@pytest.mark.parametrize("memory", ["much", "", -1, True, 1.5])
def test_memory_that_is_no_amount_is_refused_before_anything_is_read(memory):
    with pytest.raises(ConfigError, match="memory is a number of bytes, or a text such as 500MB or 2GiB"):
        tellapart.train("nowhere", memory=memory)


def test_the_smallest_splits_come_into_memory_first(color_photos, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = open_dataset(str(color_photos))
    size = Preprocessing(height=10, width=10)
    stores = load_stores(dataset, size, quick(), lambda *_: None, 15 * 300)
    assert {name: store.is_in_memory for name, store in stores.items()} == {"train": False, "test": True}
