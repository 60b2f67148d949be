"""What a callback does with the model beside training, options of `compile`, and a training that breaks off."""

import numpy as np
import pytest
import torch
from keras_oracle import (
    INDICES,
    ONE_HOT,
    PICTURES,
    WEIGHTS,
    assert_same_as_keras,
    compiled,
    keras,
    small_network,
    trained_twice,
)

import tellapart

layers = keras.layers


class Beside(keras.callbacks.Callback):
    """Calls a function with the model after each batch, and keeps what it returns."""

    def __init__(self, function, results):
        super().__init__()
        self.function, self.results = function, results

    def on_train_batch_end(self, batch, logs=None):
        self.results.append(self.function(self.model))


BESIDE = {
    "predict": lambda model: model.predict(PICTURES[:3], verbose=0),
    "evaluate": lambda model: model.evaluate(PICTURES[:3], ONE_HOT[:3], verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(PICTURES[:3], ONE_HOT[:3]),
    "test_on_batch": lambda model: model.test_on_batch(PICTURES[:3], ONE_HOT[:3]),
    "call": lambda model: model(PICTURES[:3], training=False).detach().numpy(),
    "compute_loss": lambda model: float(
        model.compute_loss(None, torch.from_numpy(ONE_HOT), model(PICTURES), None, training=False)
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_a_callback_does_beside_training_gives_what_keras_gives(name):
    results = []
    assert_same_as_keras(
        lambda: compiled(small_network(), "sgd"),
        PICTURES,
        ONE_HOT,
        epochs=1,
        callbacks=lambda: [Beside(BESIDE[name], results)],
    )
    for ours, theirs in zip(results[3:], results[:3], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


OPTIONS = {
    "run_eagerly": {"run_eagerly": True},
    "auto_scale_loss": {"auto_scale_loss": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_compile_changes_no_number(name):
    assert_same_as_keras(lambda: compiled(small_network(), "sgd", **OPTIONS[name]), PICTURES, ONE_HOT)


def test_a_compiled_step_gives_the_numbers_of_one_that_is_not():
    """Keras would compile its step; ours needs no compiler."""
    (plain, expected), _ = trained_twice(lambda: compiled(small_network(), "sgd"), PICTURES, ONE_HOT)
    keras.utils.set_random_seed(1)
    model = compiled(small_network(), "sgd", jit_compile=True)
    history = tellapart.fit(model, PICTURES, ONE_HOT, verbose=0, shuffle=False, batch_size=10, epochs=2)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    for weight, one in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weight, one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_training_that_breaks_off_leaves_weights_to_go_on_with(error):
    class Breaking(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise error("enough")

    seen = []
    for fit in (keras.Model.fit, tellapart.fit):
        keras.utils.set_random_seed(1)
        model = compiled(small_network(), "sgd")
        with pytest.raises(error, match="enough"):
            fit(model, PICTURES, ONE_HOT, verbose=0, batch_size=10, callbacks=[Breaking()])
        fit(model, PICTURES, ONE_HOT, verbose=0, batch_size=10)
        seen.append(model.get_weights())
    for ours, theirs in zip(*seen, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def two_heads(container):
    inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Flatten()(layers.Conv2D(4, 3)(inputs))
    kind, size = layers.Dense(3, activation="softmax", name="kind")(x), layers.Dense(1, name="size")(x)
    outputs = {"kind": kind, "size": size} if container is dict else [kind, size]
    model = keras.Model({"picture": inputs}, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    metrics = {"kind": ["accuracy"], "size": ["mae"]}
    model.compile(
        "sgd",
        losses if container is dict else list(losses.values()),
        metrics=metrics if container is dict else list(metrics.values()),
        weighted_metrics=None,
    )
    return model


@pytest.mark.parametrize("container", [dict, list])
def test_two_outputs_weighted_one_by_one_give_what_keras_gives(container):
    targets = {"kind": INDICES, "size": WEIGHTS[:, None]}
    weights = {"kind": WEIGHTS, "size": WEIGHTS[::-1].copy()}
    as_given = (lambda values: values) if container is dict else (lambda values: list(values.values()))
    assert_same_as_keras(
        lambda: two_heads(container),
        {"picture": PICTURES},
        as_given(targets),
        sample_weight=as_given(weights),
        shuffle=True,
    )
