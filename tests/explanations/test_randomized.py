"""A randomized network computes what a Keras model with those shuffled weights computes; the original stays."""

import tellapart.api

import keras  # isort: skip
import numpy as np
import pytest
import torch

import tellapart
from tellapart.explanations.recorder import Recorder

layers = keras.layers


def transformer():
    pictures = keras.Input((16, 16, 3))
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(pictures))
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
    x = layers.GlobalAveragePooling1D()(layers.Dense(8, "gelu")(x))
    return keras.Model(pictures, layers.Dense(3, "softmax")(x))


def nested():
    inner = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()])
    pictures = keras.Input((16, 16, 3))
    return keras.Model(pictures, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(inner(pictures))))


def with_a_layer_that_keras_runs():
    class Doubled(layers.Layer):
        def call(self, x):
            return 2 * x

    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.SeparableConv2D(4, 3), Doubled(), layers.Flatten(), layers.Dense(3)]
    )


def mobilenet():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


def shuffled(model, seed):
    """Return the weights of a model, the numbers of each shuffled."""
    random = np.random.default_rng(seed)
    return [random.permutation(weight.ravel()).reshape(weight.shape) for weight in model.get_weights()]


@pytest.mark.parametrize("build", [transformer, nested, with_a_layer_that_keras_runs, mobilenet])
def test_it_is_the_keras_model_with_shuffled_weights(build):
    keras.utils.set_random_seed(0)
    model = build()
    own, head = (
        model.get_weights(),
        "logits" if model.layers[-1].activation.__name__ == "linear" else "probabilities",
    )
    recorder = Recorder(model, head)
    images = torch.rand(3, *model.input_shape[1:], generator=torch.Generator().manual_seed(0)) * 255
    noise = recorder.randomized(1)
    logits, recorded = noise.logits(images), noise.run(images).logits
    for before, after in zip(own, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    model.set_weights(shuffled(model, 1))
    expected = Recorder(model, head).run(images).logits
    torch.testing.assert_close(recorded, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_it_is_the_same_whether_or_not_keras_read_the_network(tmp_path):
    file = tmp_path / "net.keras"
    tellapart.load("cifar10").save(file)
    classifier = tellapart.load(file)
    stored = Recorder.of_stored(classifier.net.net, classifier.net.head, lambda: classifier.model)
    images = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(0)) * 255
    noise = stored.randomized(2)
    torch.testing.assert_close(noise.logits(images), noise.run(images).logits, rtol=1e-4, atol=1e-3)
    assert stored.randomized(2) is noise
