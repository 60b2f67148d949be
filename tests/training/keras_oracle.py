"""Keras as the oracle: one model trained twice, by `keras.Model.fit` and by `tellapart.fit`, and compared."""

import numpy as np

import tellapart
from tellapart.keras_backend import import_keras

keras = import_keras()

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.normal(size=(26, 8, 8, 3)).astype("float32")  # two whole batches and one that is short
INDICES = RANDOM.integers(0, 3, 26)
ONE_HOT = np.eye(3, dtype="float32")[INDICES]
WEIGHTS = RANDOM.uniform(0, 2, 26).astype("float32")
VALIDATION = PICTURES[::-2] + 0.5, ONE_HOT[::-2]


def small_network(activation="softmax", classes=3, **dense):
    """Four layers with weights, every one of a kind that runs lowered."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(8, activation="tanh"),
            layers.Dense(classes, activation=activation, **dense),
        ]
    )


def compiled(model, optimizer="rmsprop", loss="categorical_crossentropy", metrics=("accuracy",), **options):
    """The model, ready to train."""
    model.compile(optimizer, loss, metrics=None if metrics is None else list(metrics), **options)
    return model


def trained_twice(build, x, y=None, *, runs=1, **options):
    """Train what `build()` returns by Keras and, built again, by tellapart.

    Args:
        build: returns a compiled model; called under the same seed both times.
        x: pictures, or a function that returns whatever `fit` takes; called once per training.
        y: targets.
        runs: how many times `fit` is called on each model.
        **options: arguments of `fit`. A function is called once per training for its value,
            so that callbacks and iterators are not shared.

    Returns:
        Two pairs of a model and its last History: Keras's, ours.
    """

    def train(fit):
        keras.utils.set_random_seed(1)
        model = build()
        for _ in range(runs):
            given = {name: value() if callable(value) else value for name, value in options.items()}
            settings = {"verbose": 0, "shuffle": False, "batch_size": 10, "epochs": 2, **given}
            settings = {name: value for name, value in settings.items() if value is not None}
            history = fit(model, x() if callable(x) else x, y, **settings)
        return model, history

    return train(keras.Model.fit), train(tellapart.fit)


def assert_same_as_keras(build, x, y=None, *, tolerance=1e-5, runs=1, **options):
    """Train twice as `trained_twice` says; compare weights, optimizer, epochs and every number of the history.

    Returns:
        Our model and its History.
    """
    (theirs, expected), (ours, actual) = trained_twice(build, x, y, runs=runs, **options)
    assert_same_weights(ours, theirs, tolerance)
    assert_same_optimizer(ours.optimizer, theirs.optimizer, tolerance)
    assert_same_history(actual, expected, tolerance)
    return ours, actual


def assert_same_weights(ours, theirs, tolerance):
    """Largest difference in each tensor, relative to its largest weight."""
    assert len(ours.weights) == len(theirs.weights) > 0
    for weight, expected in zip(ours.weights, theirs.weights, strict=True):
        assert relative_difference(weight, expected) <= tolerance, expected.path


def assert_same_optimizer(ours, theirs, tolerance):
    """Iterations, learning rate and the state of every weight."""
    assert int(ours.iterations) == int(theirs.iterations)
    for variable, expected in zip(ours.variables, theirs.variables, strict=True):
        assert relative_difference(variable, expected) <= tolerance, expected.path


def assert_same_history(ours, theirs, tolerance):
    """The same epochs, the same names in the same order, the same numbers."""
    assert ours.epoch == theirs.epoch
    assert list(ours.history) == list(theirs.history)
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=tolerance, atol=tolerance, err_msg=name)


def relative_difference(variable, expected):
    """Largest difference over the largest expected number; 0 where both are bit for bit the same."""
    actual, wanted = np.asarray(variable), np.asarray(expected)
    if np.array_equal(actual, wanted, equal_nan=True):
        return 0.0
    return np.abs(actual - wanted).max() / max(np.abs(wanted).max(), 1e-12)
