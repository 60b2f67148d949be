"""What callbacks see of gradients under `tellapart.fit`: what Keras leaves in `variable.value.grad`."""

import threading

import numpy as np
import pytest
import torch
from keras_oracle import (
    ONE_HOT,
    PICTURES,
    compiled,
    keras,
    small_network,
    trained_twice,
)

import tellapart
from tellapart.training.gradients import VisibleGradients

layers = keras.layers


class Gradients(keras.callbacks.Callback):
    """Keeps every weight's gradient before and after each batch."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_train_batch_begin(self, batch, logs=None):
        self.keep()

    def on_train_batch_end(self, batch, logs=None):
        self.keep()

    def keep(self):
        gradients = [variable.value.grad for variable in self.model.weights]
        self.seen.append([None if gradient is None else gradient.clone() for gradient in gradients])


def gradients_of_both(build, **options):
    """For Keras and for us: before and after each batch, each weight's gradient."""
    seen = []
    trained_twice(build, PICTURES, ONE_HOT, callbacks=lambda: [Gradients(seen)], **options)
    half = len(seen) // 2
    return seen[:half], seen[half:]


def assert_same_gradients(theirs, ours, tolerance):
    assert any(gradient is not None for gradient in theirs[-1])
    for expected, actual in zip(theirs, ours, strict=True):
        for one, other in zip(expected, actual, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert one.dtype == other.dtype
                assert one.shape == other.shape
                assert float((one - other).abs().max()) <= tolerance * max(float(one.abs().max()), 1e-3)


def with_a_frozen_layer(optimizer="sgd"):
    model = small_network()
    model.layers[0].trainable = False
    return compiled(model, optimizer)


def with_an_unreached_weight():
    """Its last layer's weights get no gradient: nothing but None is left for them."""
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, [layers.Dense(3, activation="softmax")(x), layers.Dense(2)(x)])
    model.compile("sgd", ["categorical_crossentropy", None])
    return model


BUILDS = {
    "float32": lambda: compiled(small_network(), "sgd"),
    "an optimizer of Keras's": lambda: compiled(small_network(), "lion"),
    "clipped": lambda: compiled(small_network(), keras.optimizers.SGD(0.01, clipnorm=0.01)),
    "a frozen layer": with_a_frozen_layer,
    "a scaled loss": lambda: compiled(small_network(), keras.optimizers.SGD(0.01, loss_scale_factor=8.0)),
    "a dynamic scale": lambda: compiled(
        small_network(), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=64.0)
    ),
    "regularized": lambda: compiled(small_network(kernel_regularizer="l2"), "sgd"),
}


@pytest.mark.parametrize("name", BUILDS)
def test_gradients_are_those_that_keras_leaves(name):
    assert_same_gradients(*gradients_of_both(BUILDS[name]), tolerance=1e-6)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_weight_that_the_loss_does_not_reach_has_none():
    seen = []
    for fit in (keras.Model.fit, tellapart.fit):
        keras.utils.set_random_seed(1)
        model = with_an_unreached_weight()
        fit(model, PICTURES, [ONE_HOT, ONE_HOT[:, :2]], batch_size=10, verbose=0)
        seen.append([variable.value.grad for variable in model.trainable_variables])
    assert [gradient is None for gradient in seen[0]] == [gradient is None for gradient in seen[1]]
    assert seen[1][-1] is None


class Summed(keras.callbacks.Callback):
    """Hooks into a weight: torch calls it with the whole batch's gradient."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_train_begin(self, logs=None):
        self.hook = self.model.weights[0].value.register_hook(
            lambda gradient: self.seen.append(gradient.clone())
        )

    def on_train_end(self, logs=None):
        self.hook.remove()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_hook_on_a_weight_is_called_with_its_gradient(policy):
    seen = []

    def build():
        keras.config.set_dtype_policy(policy)
        try:
            return compiled(small_network(), "sgd")
        finally:
            keras.config.set_dtype_policy("float32")

    trained_twice(build, PICTURES, ONE_HOT, callbacks=lambda: [Summed(seen)])
    assert len(seen) == 12
    for one, other in zip(seen[:6], seen[6:], strict=True):
        assert one.dtype == other.dtype == torch.float32
        tolerance = 1e-6 if policy == "float32" else 0.05
        assert float((one - other).abs().max()) <= tolerance * float(one.abs().max())


@pytest.mark.parametrize("batch", [10, 160])  # whole, and in micro-batches on two threads
def test_in_bfloat16_gradients_are_those_of_the_whole_batch_in_float32(batch):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    x, y, seen = np.resize(PICTURES, (320, 8, 8, 3)), np.resize(ONE_HOT, (320, 3)), []
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for fit in (keras.Model.fit, tellapart.fit):
            keras.utils.set_random_seed(1)
            model = compiled(small_network(), keras.optimizers.SGD(1e-4))
            fit(model, x, y, batch_size=batch, verbose=0, shuffle=False)
            seen.append([variable.value.grad for variable in model.weights])
    finally:
        keras.config.set_dtype_policy("float32")
        torch.set_num_threads(threads)
    for one, other in zip(*seen, strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert float((one - other).norm()) <= 0.05 * float(one.norm())


def test_gradients_are_forgotten_once_a_step_and_by_the_thread_that_calls_fit(monkeypatch):
    """Two threads that set the same weight's gradient free its memory twice."""
    threads, cleared = torch.get_num_threads(), []
    clear = VisibleGradients.clear

    def watched(gradients):
        cleared.append(threading.current_thread())
        clear(gradients)

    monkeypatch.setattr(VisibleGradients, "clear", watched)
    torch.set_num_threads(2)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        x, y = np.resize(PICTURES, (480, 8, 8, 3)), np.resize(ONE_HOT, (480, 3))
        tellapart.fit(compiled(small_network(), keras.optimizers.SGD(1e-4)), x, y, batch_size=160, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
        torch.set_num_threads(threads)
    assert cleared == [threading.main_thread()] * 3
