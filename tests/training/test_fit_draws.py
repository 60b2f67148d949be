"""Random layers under `tellapart.fit`: Keras's own masks, noise and order of images, from the same generators.

With `shuffle=True` both trainings draw the order of the images from torch's global generator.
"""

import keras_oracle as oracle
import numpy as np
import pytest
import torch
from keras_oracle import ONE_HOT, PICTURES, assert_same_as_keras, compiled, keras, trained_twice

from tellapart.lowering import torch_masks
from tellapart.lowering.torch_masks import keep_mask
from tellapart.models.first_cnn import first_cnn

layers = keras.layers


class GeneratorStates(keras.callbacks.Callback):
    """Keeps the state of torch's global generator after each batch."""

    def __init__(self, states):
        super().__init__()
        self.states = states

    def on_train_batch_end(self, batch, logs=None):
        self.states.append(torch.get_rng_state())


def between_pooling_and_convolution(layer):
    """The layer sees maps that a pooling made: with their channels first in memory."""
    return [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layer, layers.Conv2D(5, 2)]


def on_every_kind_of_map(*_):
    network = []
    for other in (
        layers.Conv2D(4, 3),
        layers.Permute((2, 1, 3)),
        layers.Conv2DTranspose(4, 3),
        layers.UpSampling2D(),
        layers.AveragePooling2D(2),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
    ):
        network += [other, layers.Dropout(0.1)]
    return network


def in_a_model_inside(layer):
    return [keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.MaxPooling2D(), layer])]


def on_sequences(layer):
    return [layers.Reshape((64, 3)), layers.Conv1D(4, 3), layer, layers.MaxPooling1D(), layers.Dropout(0.2)]


PLACES = {
    "pooled": between_pooling_and_convolution,
    "nested": in_a_model_inside,
    "sequences": on_sequences,
    "every kind of map": on_every_kind_of_map,
}

RANDOM_LAYERS = {
    "dropout": ("pooled", lambda: layers.Dropout(0.3)),
    "dropout of half": ("pooled", lambda: layers.Dropout(0.5)),
    "dropout of everything": ("pooled", lambda: layers.Dropout(1.0)),
    "dropout with a seed": ("pooled", lambda: layers.Dropout(0.3, seed=5)),
    "dropout in a shape": ("pooled", lambda: layers.Dropout(0.3, noise_shape=(None, 1, 1, None))),
    "dropout of maps": ("pooled", lambda: layers.SpatialDropout2D(0.3)),
    "dropout of maps with a seed": ("pooled", lambda: layers.SpatialDropout2D(0.3, seed=5)),
    "noise": ("pooled", lambda: layers.GaussianNoise(0.3)),
    "noise with a seed": ("pooled", lambda: layers.GaussianNoise(0.3, seed=5)),
    "Gaussian dropout with a seed": ("pooled", lambda: layers.GaussianDropout(0.3, seed=5)),
    "alpha dropout": ("pooled", lambda: layers.AlphaDropout(0.3)),
    "alpha dropout with a seed": ("pooled", lambda: layers.AlphaDropout(0.3, seed=5)),
    "dropout in a model inside": ("nested", lambda: layers.Dropout(0.3)),
    "dropout of sequences": ("sequences", lambda: layers.SpatialDropout1D(0.3)),
    "dropout on every kind of map": ("every kind of map", lambda: None),
}


def network_with(name):
    place, layer = RANDOM_LAYERS[name]
    head = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((8, 8, 3)), *PLACES[place](layer()), *head])


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # where everything is dropped
@pytest.mark.parametrize("name", RANDOM_LAYERS)
def test_a_random_layer_draws_what_keras_draws(name):
    """Weights, seeds and the order of images over three epochs; with another mask, weights differ by 1e-2."""
    (theirs, _), (ours, _) = trained_twice(
        lambda: compiled(network_with(name), "sgd"), PICTURES, ONE_HOT, shuffle=True, epochs=3
    )
    oracle.assert_same_weights(ours, theirs, tolerance=1e-4)
    for variable, expected in zip(ours.variables, theirs.variables, strict=True):
        if "seed" in variable.path:
            np.testing.assert_array_equal(np.asarray(variable), np.asarray(expected))


def test_the_tutorials_network_trains_bit_for_bit_with_its_dropout():
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (96, 32, 32, 3)).astype("float32")
    y = np.eye(10, dtype="float32")[random.integers(0, 10, 96)]
    states = []

    def build():
        return compiled(first_cnn((32, 32, 3), 10), "rmsprop")

    assert_same_as_keras(
        build,
        x,
        y,
        tolerance=0,
        shuffle=True,
        batch_size=32,
        epochs=3,
        callbacks=lambda: [GeneratorStates(states)],
    )
    half = len(states) // 2
    assert half == 9
    assert all(map(torch.equal, states[:half], states[half:]))


def attention(seed=None):
    inputs = keras.Input((6, 8))
    mixed = layers.MultiHeadAttention(2, 4, dropout=0.5, seed=seed)(inputs, inputs)
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(mixed))
    return compiled(keras.Model(inputs, outputs), "sgd")


@pytest.mark.parametrize("seed", [None, 7])
def test_attention_drops_what_keras_drops(seed):
    x = np.random.default_rng(0).normal(size=(26, 6, 8)).astype("float32")
    (theirs, _), (ours, _) = trained_twice(lambda: attention(seed), x, ONE_HOT, shuffle=True)
    for weight, expected in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(np.asarray(weight), np.asarray(expected), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("batch", [26, 160])  # whole, and in micro-batches on two threads
def test_in_bfloat16_the_order_of_images_is_keras_s_too(batch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    x, y = np.resize(PICTURES, (320, 8, 8, 3)), np.resize(ONE_HOT, (320, 3))
    states = []

    def build():
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            return compiled(network_with("dropout"), "sgd")
        finally:
            keras.config.set_dtype_policy("float32")

    try:
        (theirs, expected), (ours, actual) = trained_twice(
            build,
            x,
            y,
            shuffle=True,
            batch_size=batch,
            callbacks=lambda: [GeneratorStates(states)],
        )
    finally:
        torch.set_num_threads(before)
    half = len(states) // 2
    assert all(map(torch.equal, states[:half], states[half:]))
    oracle.assert_same_weights(ours, theirs, tolerance=0.01)
    np.testing.assert_allclose(actual.history["loss"], expected.history["loss"], atol=0.01)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.3, 0.5, 0.7, 0.999])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_mask_has_the_bits_that_torch_draws(rate, order):
    shape = (5, 7, 11)
    there = torch.empty([shape[axis] for axis in order])
    as_seen = there.permute([order.index(axis) for axis in range(3)])
    torch.manual_seed(3)
    expected = torch.nn.functional.dropout(torch.ones_like(as_seen), rate) != 0
    state = torch.get_rng_state()
    torch.manual_seed(3)
    assert torch.equal(keep_mask(shape, rate, order, torch.float32).bool(), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_where_torch_draws_in_another_way_it_draws_itself(monkeypatch):
    """As on processors for which torch takes masks from another library."""
    monkeypatch.setattr(torch_masks, "draws_a_number_a_unit", lambda: False)
    test_a_mask_has_the_bits_that_torch_draws(0.3, (2, 0, 1))
    test_a_random_layer_draws_what_keras_draws("dropout on every kind of map")
