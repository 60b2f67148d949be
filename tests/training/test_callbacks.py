"""Callbacks see, and may do, under `tellapart.fit` what they do under Keras's own `fit`."""

import csv

import numpy as np
import pytest
from keras_oracle import (
    ONE_HOT,
    PICTURES,
    VALIDATION,
    assert_same_as_keras,
    compiled,
    keras,
    small_network,
    trained_twice,
)

import tellapart
from tellapart.lowering import lower
from tellapart.training import keras_fit

callbacks = keras.callbacks


def one_network():
    return compiled(small_network(), keras.optimizers.RMSprop(0.01))


class Recorder(callbacks.Callback):
    """Writes down every call: the hook, the batch or epoch, and the logs as numbers."""

    HOOKS = [
        f"on_{part}"
        for kind in ["train", "test"]
        for part in [f"{kind}_begin", f"{kind}_end", f"{kind}_batch_begin", f"{kind}_batch_end"]
    ] + ["on_epoch_begin", "on_epoch_end"]

    def __init__(self):
        super().__init__()
        self.calls = []
        for hook in self.HOOKS:
            setattr(self, hook, self.noting(hook))

    def noting(self, hook):
        def note(*arguments, logs=None):
            *place, logs = (*arguments, logs) if logs is not None or not arguments else arguments
            logs = logs if isinstance(logs, dict) else {}
            self.calls.append((hook, place, {name: float(value) for name, value in logs.items()}))

        return note


class Recording:
    """Makes a new Recorder for each training, and keeps them all."""

    def __init__(self):
        self.recorders = []

    def __call__(self):
        self.recorders.append(Recorder())
        return [self.recorders[-1]]


def test_every_hook_is_called_in_keras_s_order_with_keras_s_numbers():
    recording = Recording()
    assert_same_as_keras(one_network, PICTURES, ONE_HOT, callbacks=recording, validation_data=VALIDATION)
    theirs, ours = (recorder.calls for recorder in recording.recorders)
    assert [call[:2] for call in ours] == [call[:2] for call in theirs]
    assert {call[0] for call in ours} == set(Recorder.HOOKS)
    for (hook, place, actual), (_, _, expected) in zip(ours, theirs, strict=True):
        assert actual == pytest.approx(expected, rel=1e-5), (hook, place)


def test_lambdas_are_called_on_every_occasion():
    def note(*arguments, **logs):
        times.append(arguments)

    hooks = ["on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end"]
    hooks += ["on_train_batch_begin", "on_train_batch_end"]
    counts = []
    for fit in [keras.Model.fit, tellapart.fit]:
        times = []
        listener = callbacks.LambdaCallback(**dict.fromkeys(hooks, note))
        fit(one_network(), PICTURES, ONE_HOT, batch_size=10, epochs=2, verbose=0, callbacks=[listener])
        counts.append(len(times))
    assert counts == [2 * (2 + 3 * 2) + 2] * 2


CHANGING = {
    "a learning rate by epoch": lambda: callbacks.LearningRateScheduler(
        lambda epoch, rate: rate * 0.5**epoch
    ),
    "a lower rate on a plateau": lambda: callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.1, patience=1, min_delta=10, verbose=0
    ),
    "an early stop": lambda: callbacks.EarlyStopping("val_loss", min_delta=10, patience=2),
    "an early stop with the best weights": lambda: callbacks.EarlyStopping(
        "val_loss", patience=1, restore_best_weights=True, baseline=0.0
    ),
    "a stop on a number that is none": callbacks.TerminateOnNaN,
}


@pytest.mark.parametrize("name", CHANGING)
def test_keras_s_callback_has_its_effect(name):
    assert_same_as_keras(
        one_network,
        PICTURES,
        ONE_HOT,
        epochs=5,
        callbacks=lambda: [CHANGING[name]()],
        validation_data=VALIDATION,
    )


def test_early_stopping_restores_the_weights_of_the_best_epoch():
    """Trained against the validation labels, the first epoch is the best."""
    wrong = VALIDATION[0], np.roll(VALIDATION[1], 1, axis=1)
    stopping = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    model = one_network()
    history = tellapart.fit(
        model, PICTURES, ONE_HOT, epochs=30, verbose=0, callbacks=[stopping], validation_data=wrong
    )
    losses = history.history["val_loss"]
    assert len(losses) < 30
    assert model.evaluate(*wrong, verbose=0)[0] == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] > min(losses)


def test_training_stops_on_a_number_that_is_none():
    def exploding():
        return compiled(small_network(activation=None), keras.optimizers.SGD(1e30), "mse")

    model, history = exploding(), []
    batches = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: history.append(batch))
    tellapart.fit(
        model,
        PICTURES,
        ONE_HOT,
        batch_size=2,
        epochs=3,
        verbose=0,
        callbacks=[callbacks.TerminateOnNaN(), batches],
    )
    assert len(history) < 13


def saved_by(folder, build, **options):
    """Train twice with a ModelCheckpoint; return the file names and weights that Keras and we left."""
    folders = iter([folder / "keras", folder / "tellapart"])

    def checkpoint():
        place = next(folders)
        place.mkdir()
        return [callbacks.ModelCheckpoint(place / options["name"], **options["checkpoint"])]

    trained_twice(
        build, PICTURES, ONE_HOT, epochs=3, callbacks=checkpoint, validation_data=VALIDATION, **options["fit"]
    )
    return [
        {path.name: weights_in(path, build) for path in sorted((folder / kind).iterdir())}
        for kind in ["keras", "tellapart"]
    ]


def weights_in(path, build):
    model = build()
    model.load_weights(path)
    return model.get_weights()


CHECKPOINTS = {
    "every epoch": ("{epoch:02d}.weights.h5", {"save_weights_only": True}, 3),
    "every epoch, the whole model": ("{epoch:02d}.keras", {}, 3),
    "every third batch": (
        "{epoch:02d}-{batch:02d}.weights.h5",
        {"save_weights_only": True, "save_freq": 3},
        4,
    ),
    "the best epoch": (
        "best.weights.h5",
        {"save_weights_only": True, "save_best_only": True, "monitor": "val_loss"},
        1,
    ),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_holds_the_weights_that_keras_would_have_saved(name, tmp_path):
    pattern, options, count = CHECKPOINTS[name]
    theirs, ours = saved_by(tmp_path, one_network, name=pattern, checkpoint=options, fit={"batch_size": 7})
    assert len(theirs) == count
    assert ours.keys() == theirs.keys()
    for file, weights in theirs.items():
        for actual, expected in zip(ours[file], weights, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6, err_msg=file)


def test_a_backup_lets_training_go_on_where_it_broke(tmp_path):
    class BreakOnce(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def fit(model, *more):
        backup = callbacks.BackupAndRestore(tmp_path / "backup")
        tellapart.fit(model, PICTURES, ONE_HOT, epochs=4, verbose=0, shuffle=False, callbacks=[backup, *more])
        return model

    keras.utils.set_random_seed(1)
    unbroken = fit(one_network())
    keras.utils.set_random_seed(1)
    with pytest.raises(KeyboardInterrupt):
        fit(one_network(), BreakOnce())
    resumed = fit(one_network())
    for actual, expected in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_a_csv_log_holds_keras_s_numbers(tmp_path):
    files = iter([tmp_path / "keras.csv", tmp_path / "tellapart.csv"])
    assert_same_as_keras(
        one_network,
        PICTURES,
        ONE_HOT,
        callbacks=lambda: [callbacks.CSVLogger(next(files))],
        validation_data=VALIDATION,
    )
    theirs, ours = (list(csv.DictReader(path.open())) for path in sorted(tmp_path.iterdir()))
    assert [list(row) for row in ours] == [list(row) for row in theirs]
    for actual, expected in zip(ours, theirs, strict=True):
        numbers = {name: float(value) for name, value in expected.items()}
        assert {name: float(value) for name, value in actual.items()} == pytest.approx(numbers, rel=1e-5)


def test_averaged_weights_are_swapped_in_for_validation():
    def build():
        return compiled(small_network(), keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))

    assert_same_as_keras(
        build,
        PICTURES,
        ONE_HOT,
        callbacks=lambda: [callbacks.SwapEMAWeights(swap_on_epoch=True)],
        validation_data=VALIDATION,
    )


# Callbacks of the user's own, which take the model in hand in the middle of an epoch.
class HalveWeights(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.set_weights([weight / 2 for weight in self.model.get_weights()])


class ClearAWeight(callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.layers[0].kernel.assign(self.model.layers[0].kernel * 0.9)


class SlowDown(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.7


class ForgetMomentum(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        for variable in self.model.optimizer.variables[2:]:
            variable.assign(keras.ops.zeros_like(variable))


class StopInTheMiddle(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 1 and self.params["epochs"] == 3


class LookAround(callbacks.Callback):
    """Scores and predicts within training, and writes its scores into the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["held_out"] = self.model.evaluate(*VALIDATION, verbose=0, return_dict=True)["loss"]
        logs["mean"] = float(self.model.predict(PICTURES, verbose=0)[:, 0].mean())


class LookAroundEveryBatch(callbacks.Callback):
    """Keras's evaluate sets the metrics back, those of the running epoch too."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.evaluate(*VALIDATION, verbose=0)


class RaiseSteps(callbacks.Callback):
    """Counts by the optimizer's own clock."""

    def on_train_batch_end(self, batch, logs=None):
        assert int(self.model.optimizer.iterations) > batch


@pytest.mark.parametrize(
    "kind",
    [
        HalveWeights,
        ClearAWeight,
        SlowDown,
        ForgetMomentum,
        StopInTheMiddle,
        LookAround,
        LookAroundEveryBatch,
        RaiseSteps,
    ],
)
@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad"])  # one of ours, one of Keras's
def test_a_callback_of_one_s_own_has_its_effect(kind, optimizer):
    assert_same_as_keras(
        lambda: compiled(small_network(), optimizer),
        PICTURES,
        ONE_HOT,
        epochs=3,
        callbacks=lambda: [kind()],
        validation_data=VALIDATION,
    )


def freeze_a_convolution(model):
    model.layers[0].trainable = False


def freeze_batch_statistics(model):
    model.get_layer("norm").trainable = False


def freeze_everything(model):
    model.trainable = False


def clip(model):
    model.optimizer.clipvalue = 1e-3


def drop_the_momentum(model):
    model.optimizer.momentum = 0.0


def replace_an_activation(model):
    model.layers[0].activation = keras.activations.tanh


def replace_an_activation_by_one_of_one_s_own(model):
    model.layers[0].activation = lambda x: keras.ops.tanh(2 * x)


def replace_it_within_a_model(model):
    model.get_layer("inner").layers[0].activation = keras.activations.tanh


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize(
    "change",
    [
        freeze_a_convolution,
        freeze_batch_statistics,
        freeze_everything,
        clip,
        drop_the_momentum,
        replace_an_activation,
        replace_an_activation_by_one_of_one_s_own,
        replace_it_within_a_model,
    ],
)
def test_what_a_callback_changes_within_an_epoch_is_seen_at_the_next_batch(change):
    def build():
        layers = keras.layers
        inner = keras.Sequential([layers.Dense(5, activation="relu")], name="inner")
        network = [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, use_bias=False, activation="relu")]
        network += [layers.BatchNormalization(scale=False, center=False, name="norm"), layers.Flatten()]
        network += [inner, layers.Dense(3, activation="softmax")]
        return compiled(keras.Sequential(network), keras.optimizers.SGD(0.05, momentum=0.9))

    class ChangeAtSecond(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                change(self.model)

    assert_same_as_keras(build, PICTURES, ONE_HOT, callbacks=lambda: [ChangeAtSecond()], batch_size=6)


def test_a_step_is_built_once_an_epoch_where_nothing_changes(monkeypatch):
    built = []
    monkeypatch.setattr(keras_fit, "lower", lambda model, *rest: built.append(model) or lower(model, *rest))
    scheduled = [callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2), SlowDown(), HalveWeights()]
    history = tellapart.fit(
        one_network(), PICTURES, ONE_HOT, verbose=0, batch_size=2, epochs=3,
        callbacks=scheduled, validation_data=VALIDATION,
    )  # fmt: skip
    assert len(built) == 2 * len(history.epoch)


def test_logs_of_a_batch_are_numbers_of_the_epoch_so_far():
    """As under Keras, a running mean, and plain enough to print."""
    seen = []
    listener = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    history = tellapart.fit(one_network(), PICTURES, ONE_HOT, verbose=0, batch_size=10, callbacks=[listener])
    assert len(seen) == 3
    assert float(seen[-1]["loss"]) == pytest.approx(history.history["loss"][0])
    assert f"{seen[-1]['accuracy']:.3f}" == f"{history.history['accuracy'][0]:.3f}"


def rate_of_dropout(model):
    model.get_layer("dropout").rate = 0.9


def freeze_the_first_layer(model):
    model.layers[0].trainable = False


def clip_the_gradients(model):
    model.optimizer.clipnorm = 0.01


@pytest.mark.parametrize("change", [rate_of_dropout, freeze_the_first_layer, clip_the_gradients])
def test_what_a_callback_changes_between_epochs_is_seen(change):
    random = np.random.default_rng(0)
    x, y = (
        random.normal(size=(48, 6)).astype("float32"),
        keras.utils.to_categorical(random.integers(0, 3, 48), 3),
    )

    def trained(fit):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.Dropout(0.1 if change is rate_of_dropout else 0.0, name="dropout"),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
        at_second = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: epoch == 1 and change(model)
        )
        history = fit(model, x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, callbacks=[at_second])
        return model, history.history["loss"]

    theirs, their_losses = trained(keras.Model.fit)
    ours, our_losses = trained(tellapart.fit)
    unchanged, _ = trained(lambda model, *a, callbacks, **k: tellapart.fit(model, *a, **k))
    assert any(
        not np.allclose(p, q) for p, q in zip(ours.get_weights(), unchanged.get_weights(), strict=True)
    )
    if change is not rate_of_dropout:  # its masks come from different streams
        np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
        for p, q in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)
