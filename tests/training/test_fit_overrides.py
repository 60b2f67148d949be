"""Code of one's own, on a class, an instance or as a hook: under `tellapart.fit` it runs as under Keras.

Each case says how a model is built or changed; then weights and history are compared with Keras's. What the
change did is noted in `calls`, so that a change that is ignored by both would be seen.
"""

import types

import pytest
import torch
from keras_oracle import (
    INDICES,
    ONE_HOT,
    PICTURES,
    assert_same_as_keras,
    compiled,
    keras,
    small_network,
)

import tellapart
from tellapart.keras_internals import is_as_keras_made_it, is_keras_attribute
from tellapart.lowering import lower

layers, ops = keras.layers, keras.ops


def noting(calls, function, scale=None):
    """A function that notes that it was called, and may scale what it returns."""

    def noted(*args, **kwargs):
        calls.append(function)
        result = function(*args, **kwargs)
        return result if scale is None else result * scale

    return noted


def own_train_step(model, calls):
    model.train_step = noting(calls, model.train_step)


def own_train_function(model, calls):
    model.train_function = noting(calls, lambda data: model.train_step(data[0]))


def own_make_train_function(model, calls):
    model.make_train_function = noting(calls, model.make_train_function)


def own_test_step(model, calls):
    model.test_step = noting(calls, model.test_step)


def own_compute_loss(model, calls):
    model.compute_loss = noting(calls, model.compute_loss, scale=0.5)


def own_compute_metrics(model, calls):
    model.compute_metrics = noting(calls, model.compute_metrics)


def own_call_of_the_model(model, calls):
    model.call = noting(calls, model.call, scale=0.5)


def own_call_of_a_layer(model, calls):
    model.layers[0].call = noting(calls, model.layers[0].call, scale=0.5)


def own_method_of_a_layer(model, calls):
    layer = model.layers[0]
    layer.call = types.MethodType(lambda self, x: calls.append(self) or type(self).call(self, x) * 0.5, layer)


def call_of_another_layer(model, calls):
    other = layers.Conv2D(4, 3, padding="same", kernel_initializer="ones")
    other.build((None, 8, 8, 3))
    other.trainable = False
    other.activation = noting(calls, keras.activations.relu)
    object.__setattr__(model.layers[0], "call", other.call)


def own_convolution(model, calls):
    model.layers[2].convolution_op = noting(calls, model.layers[2].convolution_op, scale=0.5)


def own_activation(model, calls):
    model.layers[0].activation = noting(calls, keras.activations.softplus)


def forward_hook(model, calls):
    model.layers[0].register_forward_hook(lambda layer, x, y: calls.append(layer) or y * 0.5)


def hook_before_forward(model, calls):
    model.layers[2].register_forward_pre_hook(lambda layer, x: calls.append(layer) or (x[0] * 0.5,))


def hook_of_the_model(model, calls):
    model.register_forward_hook(lambda layer, x, y: calls.append(layer) or y * 0.5)


def backward_hook(model, calls):
    model.layers[2].register_full_backward_hook(lambda layer, x, y: calls.append(layer) or None)


def own_apply_of_the_optimizer(model, calls):
    model.optimizer.apply = noting(calls, model.optimizer.apply)


def own_call_of_the_loss(model, calls):
    loss = keras.losses.CategoricalCrossentropy()
    loss.call = noting(calls, loss.call, scale=0.5)
    model.compile("sgd", loss, metrics=["accuracy"])


def own_function_of_the_loss(model, calls):
    loss = keras.losses.CategoricalCrossentropy()
    loss.fn = noting(calls, loss.fn, scale=0.5)
    model.compile("sgd", loss, metrics=["accuracy"])


def own_update_of_a_metric(model, calls):
    metric = keras.metrics.CategoricalAccuracy()
    metric.update_state = noting(calls, metric.update_state)
    model.compile("sgd", "categorical_crossentropy", metrics=[metric])


def own_result_of_a_metric(model, calls):
    metric = keras.metrics.CategoricalAccuracy()
    metric.result = noting(calls, metric.result, scale=0.5)
    model.compile("sgd", "categorical_crossentropy", metrics=[metric])


CHANGES = {
    function.__name__.replace("_", " "): function
    for function in (
        own_train_step,
        own_train_function,
        own_make_train_function,
        own_test_step,
        own_compute_loss,
        own_compute_metrics,
        own_call_of_the_model,
        own_call_of_a_layer,
        own_method_of_a_layer,
        own_convolution,
        own_activation,
        forward_hook,
        hook_before_forward,
        hook_of_the_model,
        backward_hook,
        own_apply_of_the_optimizer,
        own_call_of_the_loss,
        own_function_of_the_loss,
        own_update_of_a_metric,
        own_result_of_a_metric,
    )
}
AMID_TRAINING = (
    "own train step",
    "own compute loss",
    "own call of the model",
    "own call of a layer",
    "own activation",
    "forward hook",
    "hook of the model",
    "own apply of the optimizer",
)


@pytest.mark.filterwarnings("ignore:.*overrides", "ignore:Full backward hook")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_before_training_has_its_effect(name):
    calls = []

    def build():
        model = compiled(small_network(), "sgd")
        CHANGES[name](model, calls)
        return model

    validation = (PICTURES, ONE_HOT) if "test" in name else None
    assert_same_as_keras(build, PICTURES, ONE_HOT, epochs=1, validation_data=validation)
    assert len(calls) % 2 == 0
    assert len(calls) > 0


class Changing(keras.callbacks.Callback):
    """Changes the model after the first batch."""

    def __init__(self, change, calls):
        super().__init__()
        self.change, self.calls = change, calls

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0 and self.change is not None:
            self.change(self.model, self.calls)
            self.change = None


@pytest.mark.parametrize("name", AMID_TRAINING)
def test_a_change_by_a_callback_takes_effect_with_the_next_batch(name):
    counts = []

    def changing():
        counts.append([])
        return [Changing(CHANGES[name], counts[-1])]

    assert_same_as_keras(
        lambda: compiled(small_network(), "sgd"), PICTURES, ONE_HOT, epochs=1, callbacks=changing
    )
    assert len(counts[0]) == len(counts[1]) > 0


class OwnCall(keras.Model):
    """A Functional model whose `__call__` is its own."""

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs) * 0.5


def test_a_call_of_a_subclass_s_own_has_its_effect():
    def build():
        inputs = keras.Input((8, 8, 3))
        outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(inputs))
        return compiled(OwnCall(inputs, outputs), "sgd")

    ours, _ = assert_same_as_keras(build, PICTURES, ONE_HOT)
    assert not any(row.lowered for row in lower(ours).report())


@pytest.mark.parametrize("name", ["call", "kernel"])
def test_a_class_of_keras_s_that_was_given_another_method_runs_as_itself(monkeypatch, name):
    original = getattr(layers.Dense, name)
    halved = (
        (lambda self, inputs, training=None: original(self, inputs, training) * 0.5)
        if name == "call"
        else property(lambda self: original.fget(self) * 0.5)
    )
    monkeypatch.setattr(layers.Dense, name, halved)
    ours, _ = assert_same_as_keras(lambda: compiled(small_network(), "sgd"), PICTURES, ONE_HOT)
    assert [row.lowered for row in lower(ours).report() if row.kind == "Dense"] == [False, False]
    monkeypatch.undo()
    assert [row.lowered for row in lower(ours).report() if row.kind == "Dense"] == [True, True]


@pytest.mark.parametrize(
    "change", [own_call_of_a_layer, forward_hook, own_call_of_the_model, hook_of_the_model]
)
def test_a_prediction_respects_a_change_too(change):
    model = small_network()
    before = lower(model)(torch.from_numpy(PICTURES))
    change(model, [])
    after = lower(model)(torch.from_numpy(PICTURES))
    torch.testing.assert_close(after, model(PICTURES), rtol=0, atol=1e-6)
    assert float((after - before).detach().abs().max()) > 1e-3


def test_what_keras_put_on_an_instance_itself_is_keras_s():
    """It wraps `build` of each layer, and a method put back in its place is the same method."""
    model = compiled(small_network(), "sgd")
    for layer in model.layers:
        layer.call = layer.call
    assert all(is_as_keras_made_it(layer) for layer in model.layers)
    model.train_step = model.train_step
    assert is_keras_attribute(model, "train_step")
    model.fit(PICTURES, ONE_HOT, verbose=0)
    assert is_keras_attribute(model, "train_function")


def test_a_step_that_keras_computes_is_warned_of_by_name():
    model = compiled(small_network(), "sgd")
    own_train_step(model, [])
    with pytest.warns(UserWarning, match="overrides train_step"):
        tellapart.fit(model, PICTURES, ONE_HOT, verbose=0)


class PlainTrainer(keras.Model.__mro__[1], layers.Layer):
    """A Keras trainer that is no `keras.Model`, as in Keras's own tests."""

    def __init__(self):
        layers.Layer.__init__(self)
        keras.Model.__mro__[1].__init__(self)
        self.dense = layers.Dense(3, activation="softmax")

    def build(self, shape):
        self.dense.build((None, 192))

    def call(self, x, training=False):
        return self.dense(ops.reshape(x, (-1, 192)))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_a_trainer_that_is_no_model_trains(loss):
    targets = INDICES if loss.startswith("sparse") else ONE_HOT
    assert_same_as_keras(lambda: compiled(PlainTrainer(), "adam", loss), PICTURES, targets)
