"""Training a Keras model of one's own: Keras's `fit` is the oracle."""

import csv
import json
import warnings

import numpy as np
import pytest
import torch

import tellapart

import keras  # isort: skip

from tellapart.classifier.own_model import own_model
from tellapart.data.sampler import BatchSampler, step_seed
from tellapart.errors import ConfigError, ModelError
from tellapart.runs.folder import RunFolder
from tellapart.runs.saved_run import load_run

layers = keras.layers
SMALL = {"epochs": 3, "batch_size": 8, "validation_share": 0.25, "verbose": False}


def small_network(*, outputs=3, activation="softmax", shape=(16, 16, 3), first=(), dropout=0.3):
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input(shape),
            *first,
            layers.Conv2D(6, 3, activation="relu", use_bias=False),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(outputs, activation=activation),
        ],
        name="small",
    )


def compiled(model, rate=0.02, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    model.compile(keras.optimizers.Adam(rate), loss, metrics=list(metrics))
    return model


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A network that runs by its own code."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.scale = layers.Rescaling(1 / 255)
        self.convolution = layers.Conv2D(6, 3, activation="relu")
        self.pool = layers.GlobalAveragePooling2D()
        self.scores = layers.Dense(classes, activation="softmax")

    def call(self, images):
        return self.scores(self.pool(self.convolution(self.scale(images))))

    def get_config(self):
        return {"classes": self.classes, "name": self.name}


def metrics_of_run(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def fitted(fit, model, folder, epochs, callbacks=(), scale=255.0, **options):
    """A `fit` on the very batches of a run that did not augment."""
    run = load_run(folder)
    train, held_out = run.stores["train"], run.stores["validation"]
    batches = BatchSampler(n=len(train), batch_size=run.config.batch_size, seed=run.config.seed)
    steps = batches.steps_per_epoch
    epoch_of = iter(range(10_000))

    def draw():
        for number in epoch_of:
            rows = batches.rows(number // steps, number % steps)
            yield train.images[rows].astype("float32") * np.float32(1 / scale), train.labels[rows]

    class Seeded(keras.callbacks.Callback):
        """Dropout draws what it draws in the run."""

        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            torch.manual_seed(step_seed(run.config.seed, self.epoch, batch))

    seeded = Seeded()

    class Batches(keras.utils.PyDataset):
        """The same batches in the form for which Keras takes class weights."""

        def __len__(self):
            return steps

        def __getitem__(self, index):
            rows = batches.rows(seeded.epoch, index)
            return train.images[rows].astype("float32") * np.float32(1 / scale), train.labels[rows]

    images = held_out.images.astype("float32") * np.float32(1 / scale)
    return fit(
        model,
        Batches() if "class_weight" in options else draw(),
        steps_per_epoch=steps,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=(images, held_out.labels),
        validation_batch_size=run.config.batch_size,
        callbacks=[seeded, *callbacks],
        **options,
    )


def assert_same_weights(one, other, **tolerance):
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, **(tolerance or {"rtol": 0, "atol": 0}))


def waiting_callbacks():
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
    ]


@pytest.mark.parametrize(
    ("fit", "tolerance"),
    [(tellapart.fit, {"rtol": 0, "atol": 0}), (keras.Model.fit, {"rtol": 0, "atol": 1e-3})],
    ids=["tellapart.fit", "keras"],
)
def test_a_model_ends_with_the_weights_logs_and_rates_of_fit(fit, tolerance, color_photos, tmp_path):
    """Dropout, batch statistics, Adam, a plateau that lowers the rate, an early stop that restores weights."""
    ours, theirs = (compiled(small_network()) for _ in "ab")
    result = tellapart.train(
        color_photos, model=ours, augment=False, callbacks=waiting_callbacks(), out=tmp_path / "run",
        **{**SMALL, "epochs": 12},
    )  # fmt: skip
    history = fitted(fit, theirs, tmp_path / "run", 12, waiting_callbacks()).history
    assert len(result.history) == len(history["loss"]) < 12
    assert_same_weights(ours, theirs, **tolerance)
    rows = metrics_of_run(tmp_path / "run")
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose([float(row[name]) for row in rows], history[name], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(ours.history.history[name], history[name], rtol=1e-4, atol=1e-6)
    assert ours.history.history["learning_rate"] == history["learning_rate"]


def test_the_model_is_trained_in_place_and_the_saved_one_reads_bytes(color_photos, tmp_path):
    model = compiled(small_network())
    before = model.get_weights()
    result = tellapart.train(color_photos, model=model, out=tmp_path / "run", **SMALL)
    assert any((now != then).any() for now, then in zip(model.get_weights(), before, strict=True))
    images = load_run(tmp_path / "run").stores["test"].images
    expected = model(images.astype("float32") / 255).detach().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is assumed of it any more
        classifier = tellapart.load(tmp_path / "run")
    np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-5)
    plain = keras.models.load_model(tmp_path / "run" / "model.keras")
    np.testing.assert_allclose(plain(images).detach().numpy(), expected, atol=1e-5)
    assert result.scores.accuracy == tellapart.evaluate(tmp_path / "run").scores.accuracy


@pytest.mark.parametrize("stop_after", [1, 7, 9])
def test_a_run_with_callbacks_stopped_anywhere_ends_as_the_one_never_stopped(
    stop_after, color_photos, tmp_path
):
    def trained(out, **more):
        return tellapart.train(
            color_photos, model=more.pop("model", None) or compiled(small_network(first=[layers.RandomFlip(seed=1)])),
            callbacks=waiting_callbacks(), augment="rotation_range=10", out=out, **{**SMALL, **more},
        )  # fmt: skip

    whole = trained(tmp_path / "whole")
    steps = iter(range(1, 1000))
    stopped = trained(tmp_path / "run", should_stop=lambda: next(steps) == stop_after)
    assert not stopped.finished
    with pytest.raises(ConfigError, match="EarlyStopping"):
        tellapart.train(resume=tmp_path / "run", verbose=False)
    resumed = tellapart.train(resume=tmp_path / "run", callbacks=waiting_callbacks(), verbose=False)
    assert_same_weights(resumed.classifier.model, whole.classifier.model)
    rows = [metrics_of_run(folder) for folder in (tmp_path / "run", tmp_path / "whole")]
    assert [{**row, "seconds": ""} for row in rows[0]] == [{**row, "seconds": ""} for row in rows[1]]


def two_classes(color_photos, tmp_path):
    (tmp_path / "two").mkdir()
    for split in ("train", "test"):
        (tmp_path / "two" / split).mkdir()
        for name in ("blue", "red"):
            (tmp_path / "two" / split / name).symlink_to(color_photos / split / name)
    return tmp_path / "two"


KINDS = {
    "functional that scales": lambda: keras.Model(
        image := keras.Input((20, 24, 3)),
        layers.Dense(3, activation="softmax")(
            layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 127.5, -1)(image)))
        ),
    ),
    "gray": lambda: small_network(shape=(16, 16, 1)),
    "sequential, not built": lambda: keras.Sequential(
        [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3, activation="softmax")]
    ),
    "of any size": lambda: keras.Sequential(
        [keras.Input((None, None, 3)), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(3)]
    ),
    "subclass, not built": lambda: Subclassed(3),
    "logits": lambda: compiled(
        small_network(activation=None), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ),
    "one-hot, label smoothing, two metrics": lambda: compiled(
        small_network(),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    ),
}
SHAPES = {"functional that scales": (20, 24, 3), "gray": (16, 16, 1)}
PIXELS = {"functional that scales": "0-255", "subclass, not built": "0-255"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_trained_and_predicts_without_options(kind, color_photos, tmp_path):
    size = {"size": (24, 24)} if kind not in SHAPES and "small" not in KINDS[kind]().name else {}
    result = tellapart.train(
        color_photos, model=KINDS[kind](), out=tmp_path / "run", **{**SMALL, **size, "epochs": 2}
    )
    data = RunFolder(tmp_path / "run").all_settings()["data"]
    assert data["own"]["pixels"] == PIXELS.get(kind, "0-1")
    assert result.classifier.card.preprocessing.shape == SHAPES.get(kind, (*size.get("size", (16, 16)), 3))
    picture = next((color_photos / "test" / "red").iterdir())
    (prediction,) = tellapart.predict(tmp_path / "run", [picture])
    assert set(prediction.names) == {"blue", "green", "red"}
    assert prediction.probabilities[0] > 0
    assert result.report.exists()
    assert load_run(tmp_path / "run").missing == ()


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_serves_two_classes(activation, color_photos, tmp_path):
    model = small_network(outputs=1, activation=activation)
    result = tellapart.train(
        two_classes(color_photos, tmp_path), model=model, out=tmp_path / "run", learning_rate=0.01,
        **{**SMALL, "epochs": 6},
    )  # fmt: skip
    assert result.scores.accuracy > 0.7
    assert max(done.accuracy for done in result.history) > 0.7
    images = load_run(tmp_path / "run").stores["test"].images
    output = model(images.astype("float32") / 255).detach().numpy()
    of_red = output if activation else 1 / (1 + np.exp(-output))
    np.testing.assert_allclose(result.classifier.probabilities(images)[:, 1:], of_red, atol=1e-5)


def test_further_metrics_stand_in_the_table_and_the_logs(color_photos, tmp_path):
    logs = []
    tellapart.train(
        color_photos, model=KINDS["one-hot, label smoothing, two metrics"](), out=tmp_path / "run",
        callbacks=keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, log: logs.append(dict(log))), **SMALL,
    )  # fmt: skip
    rows = metrics_of_run(tmp_path / "run")
    assert [float(row["val_auc"]) for row in rows] == pytest.approx([log["val_auc"] for log in logs])
    assert load_run(tmp_path / "run").history[0].metrics["auc"] == pytest.approx(logs[0]["auc"])


def test_a_callback_ends_the_training_in_the_middle_of_an_epoch(color_photos, tmp_path):
    class After(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    result = tellapart.train(color_photos, model=compiled(small_network()), callbacks=[After()],
                             out=tmp_path / "run", **SMALL)  # fmt: skip
    assert result.finished
    assert len(result.history) == 1


@pytest.mark.parametrize("last", [1, 2], ids=["before its last epoch", "with its last epoch"])
def test_a_run_that_a_callback_ended_takes_no_more_epochs(last, color_photos, tmp_path):
    class After(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == last

    run = tmp_path / "run"
    tellapart.train(color_photos, model=compiled(small_network()), callbacks=[After()], out=run, **SMALL)
    before = (run / "run.toml").read_bytes()
    with pytest.raises(ConfigError, match=rf"ended by a callback after {last + 1} epochs"):
        tellapart.train(resume=run, epochs=9, callbacks=[After()], verbose=False)
    assert (run / "run.toml").read_bytes() == before
    again = tellapart.train(resume=run, callbacks=[After()], verbose=False)
    assert len(again.history) == last + 1


def test_a_run_without_callbacks_goes_on_past_its_end(color_photos, tmp_path):
    tellapart.train(color_photos, model=compiled(small_network()), out=tmp_path / "run", **SMALL)
    longer = tellapart.train(resume=tmp_path / "run", epochs=4, verbose=False)
    assert len(longer.history) == 4


@pytest.mark.parametrize(
    ("fit", "tolerance"),
    [(tellapart.fit, {"rtol": 0, "atol": 0}), (keras.Model.fit, {"rtol": 0, "atol": 1e-3})],
    ids=["tellapart.fit", "keras"],
)
def test_class_weights_act_as_those_of_fit(fit, tolerance, color_photos, tmp_path):
    """The losses of the epochs too: weighted in training, not in validation."""
    ours, theirs = (compiled(small_network()) for _ in "ab")
    result = tellapart.train(
        color_photos, model=ours, augment=False, class_weight={0: 3.0, 2: 0.25}, out=tmp_path / "run", **SMALL
    )
    weights = {0: 3.0, 1: 1.0, 2: 0.25}
    history = fitted(fit, theirs, tmp_path / "run", SMALL["epochs"], class_weight=weights).history
    assert_same_weights(ours, theirs, **tolerance)
    for name in ("loss", "val_loss"):
        found = [getattr(done, name) for done in result.history]
        assert found == pytest.approx(history[name], rel=1e-3)


def test_balanced_sampling_shows_a_model_each_class_equally_often(tmp_path):
    """One that counts the classes of its targets: those of a loss that takes class numbers."""
    seen = []

    def loss(targets, outputs):
        seen.append(targets.detach().cpu().numpy().ravel().astype(int))
        return keras.losses.sparse_categorical_crossentropy(targets, outputs)

    loss.__name__ = "sparse_counting"
    labels = np.repeat([0, 1], [60, 12])
    images = np.random.default_rng(0).integers(0, 255, (72, 16, 16, 3)).astype(np.uint8)
    model = compiled(small_network(outputs=2), loss=loss)
    tellapart.train(
        images, labels=labels, model=model, sampling="balanced", augment=False, out=tmp_path / "run",
        custom_objects={"sparse_counting": loss}, **{**SMALL, "epochs": 1},
    )  # fmt: skip
    training = load_run(tmp_path / "run").settings["data"]["pictures"]["train"]
    counts = np.bincount(np.concatenate(seen[1:])[:training])  # the first batch builds the loss
    assert abs(counts[0] - counts[1]) <= 1


def test_a_model_and_the_config_of_a_run_are_not_combined(trained):
    with pytest.raises(ConfigError, match="cannot be combined"):
        tellapart.train(config=trained.folder, model=small_network())


def test_nan_ends_the_training_where_a_callback_says_so(color_photos, tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])

    result = tellapart.train(color_photos, model=compiled(small_network()), out=tmp_path / "run",
                             callbacks=[Poison(), keras.callbacks.TerminateOnNaN()], **SMALL)  # fmt: skip
    assert len(result.history) == 1
    assert np.isfinite(result.scores.loss)


def test_the_best_epoch_is_kept_where_it_is_asked_for(color_photos, tmp_path):
    seen = []
    model = compiled(small_network(), rate=0.1)
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
    result = tellapart.train(color_photos, model=model, callbacks=[keep], keep="best", out=tmp_path / "run",
                             **{**SMALL, "epochs": 5})  # fmt: skip
    best = max(result.history, key=lambda done: (done.val_accuracy, -done.val_loss)).epoch
    for ours, theirs in zip(model.get_weights(), seen[best], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_learning_rate_that_is_given_wins_over_the_compiled_one_and_is_said(color_photos, tmp_path, capsys):
    model = compiled(small_network(), rate=0.02)
    tellapart.train(
        color_photos, model=model, learning_rate=0.001, out=tmp_path / "run", **{**SMALL, "verbose": True}
    )
    assert "Learning rate: 0.001 (given), instead of the compiled one" in capsys.readouterr().out
    assert {float(row["learning_rate"]) for row in metrics_of_run(tmp_path / "run")} == {
        float(np.float32(0.001))
    }


def test_layers_of_ones_own_are_needed_to_resume_and_to_load(color_photos, tmp_path):
    class Twice(layers.Layer):
        def call(self, images):
            return 2 * images

    model = compiled(small_network(first=[Twice()]))
    steps = iter(range(1, 1000))
    tellapart.train(
        color_photos, model=model, out=tmp_path / "run", should_stop=lambda: next(steps) == 2, **SMALL
    )
    with pytest.raises(ConfigError, match="model=MODEL"):
        tellapart.train(resume=tmp_path / "run", verbose=False)
    another = compiled(small_network(first=[Twice()]))
    result = tellapart.train(resume=tmp_path / "run", model=another, verbose=False)
    assert result.finished
    with pytest.raises(ModelError, match="custom_objects"):
        tellapart.load(tmp_path / "run")
    loaded = tellapart.load(tmp_path / "run", custom_objects={"Twice": Twice})
    assert_same_weights(loaded.model, another)


class Alone(keras.Model):
    """Keras cannot save what it was made with."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.pool, self.scores = layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")

    def call(self, images):
        return self.scores(self.pool(self.function(images)))


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


def sigmoids():
    return small_network(activation="sigmoid")


REFUSED = {
    "four outputs": (lambda: small_network(outputs=4), {}, ConfigError, "4 outputs.*3 classes.*Dense\\(3"),
    "one output": (lambda: small_network(outputs=1), {}, ConfigError, "1 output, .*3 classes"),
    "sigmoids": (sigmoids, {}, ModelError, "sigmoid"),
    "two channels": (lambda: small_network(shape=(16, 16, 2)), {}, ModelError, "1 channel .gray. or 3"),
    "rows": (lambda: keras.Sequential([keras.Input((9,)), layers.Dense(3)]), {}, ModelError, "one input of images"),
    "no model": (lambda: torch.nn.Linear(3, 3), {}, ModelError, "got Linear"),
    "no size": (KINDS["of any size"], {}, ConfigError, "any size.*size=64"),
    "size": (small_network, {"size": (32, 32)}, ConfigError, "16 x 16.*32 x 32"),
    "too small": (KINDS["sequential, not built"], {"size": (2, 2)}, ConfigError, "cannot read pictures of 2 x 2"),
    "recipe": (small_network, {"recipe": "fast"}, ConfigError, "recipe cannot be chosen"),
    "backbone": (small_network, {"backbone": "lite0"}, ConfigError, "backbone cannot be chosen"),
    "fine_tune": (small_network, {"fine_tune": "on"}, ConfigError, "fine-tune cannot be chosen"),
    "widths": (small_network, {"widths": (1, 2, 3)}, ConfigError, "widths cannot be chosen"),
    "unknown": (small_network, {"nonsense": 1}, ConfigError, "no setting nonsense"),
    "pixels": (small_network, {"pixels": "0-2"}, ConfigError, "0-255"),
    "gray imagenet": (KINDS["gray"], {"pixels": "imagenet"}, ConfigError, "gray"),
    "callback": (small_network, {"callbacks": ["early"]}, ConfigError, "Keras callbacks"),
    "backup": (
        small_network, {"callbacks": [keras.callbacks.BackupAndRestore("x")]}, ConfigError, "run folder",
    ),
    "smoothing": (
        lambda: compiled(small_network()), {"label_smoothing": 0.1}, ConfigError, "compiled already.*label_smoothing",
    ),
    "rate of a schedule": (
        lambda: compiled(small_network(), rate=keras.optimizers.schedules.ExponentialDecay(0.1, 9, 0.9)),
        {"learning_rate": 0.1}, ConfigError, "ExponentialDecay",
    ),
    "mixing": (lambda: compiled(small_network()), {"augment": "mixup"}, ConfigError, "class number"),
    "logits of probabilities": (
        lambda: compiled(small_network(), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)), {},
        ConfigError, "takes logits",
    ),
    "probabilities of logits": (
        lambda: compiled(small_network(activation=None)), {}, ConfigError, "takes probabilities.*from_logits=True",
    ),
    "no loss": (lambda: compiled(small_network(), loss=None), {}, ConfigError, "without a loss"),
    "cannot be saved": (lambda: Alone(lambda x: x), {"size": (16, 16)}, ModelError, "cannot be saved.*get_config"),
    "its own step": (
        lambda: (lambda model: OwnStep(model.inputs, model.outputs))(small_network()), {}, ModelError, "train_step",
    ),
    "no file": (lambda: "nowhere.keras", {}, ModelError, "nowhere.keras"),
}  # fmt: skip
"""What is wrong -> model, settings, error, its words."""


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_does_not_fit_is_refused_with_what_is_accepted(wrong, color_photos, tmp_path):
    make, settings, error, words = REFUSED[wrong]
    with pytest.raises(error, match=f"(?s){words}"):
        tellapart.train(color_photos, model=make(), out=tmp_path / "run", **{**SMALL, **settings})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", [{"pixels": "0-1"}, {"callbacks": [keras.callbacks.History()]}])
def test_what_only_a_model_of_ones_own_takes_is_refused_without_one(given, color_photos, tmp_path):
    with pytest.raises(ConfigError, match="model=MODEL"):
        tellapart.train(color_photos, out=tmp_path / "run", **given)


def test_a_run_of_a_recipe_takes_no_model_when_it_is_resumed(trained):
    with pytest.raises(ConfigError, match="trains by the recipe quick"):
        tellapart.train(resume=trained.folder, model=small_network())


def test_networks_of_keras_applications_get_the_pixels_of_their_preprocess_input():
    model = keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=3, alpha=0.35)
    pixels = own_model(model, None, ("a", "b", "c"), "data").pixels
    assert (pixels.value, pixels.source) == ("-1-1", "assumed")


def test_the_settings_of_a_run_say_how_its_model_was_compiled(color_photos, tmp_path):
    tellapart.train(color_photos, model=compiled(small_network()), out=tmp_path / "run", **SMALL)
    settings = RunFolder(tmp_path / "run").all_settings()
    optimizer = settings["run"]["optimizer"]
    assert (optimizer["optimizer"], optimizer["loss"]) == ("Adam", "sparse_categorical_crossentropy")
    assert json.loads(optimizer["settings"])["beta_1"] == 0.9
    assert settings["run"]["recipe"] == "own-model"
