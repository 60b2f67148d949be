"""Features are the input of the last dense layer, as Keras computes it."""

import tellapart.api

import keras  # isort: skip
import numpy as np
import pytest

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError
from tellapart.explanations.examples.features import features

layers = keras.layers


class Odd(layers.Layer):
    """A layer that the fast path does not know."""

    def call(self, x):
        return x * 2.0


def two_dense():
    return [
        layers.Conv2D(4, 3),
        layers.Flatten(),
        layers.Dense(6, "relu"),
        layers.Dropout(0.5),
        layers.Dense(3),
    ]


def pooled():
    return [
        layers.Conv2D(4, 3),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
        layers.Activation("softmax"),
    ]


def with_odd_layer():
    return [layers.Conv2D(4, 3), Odd(), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")]


def two_dense_with_odd_layer():
    return [layers.Conv2D(4, 3), Odd(), layers.Flatten(), layers.Dense(6, "relu"), layers.Dense(3, "softmax")]


def classifier_of(body):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), *body])
    card = ModelCard(("a", "b", "c"), Preprocessing(height=8, width=8, channels=3))
    return Classifier.of_model(model, card)


@pytest.mark.parametrize("body", [two_dense, pooled, with_odd_layer, two_dense_with_odd_layer])
def test_they_are_what_the_last_dense_layer_gets_in_keras(body):
    classifier = classifier_of(body())
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    last = [layer for layer in classifier.model.layers if isinstance(layer, layers.Dense)][-1]
    theirs = keras.Model(classifier.model.inputs, last.input)(images.astype("float32"))
    np.testing.assert_allclose(
        features(classifier, images), theirs.detach().cpu().numpy(), rtol=1e-4, atol=1e-5
    )


def test_a_network_without_a_dense_layer_has_none():
    body = [layers.Conv2D(3, 3), layers.GlobalAveragePooling2D(), layers.Activation("softmax")]
    with pytest.raises(ModelError, match="no dense layer"):
        features(classifier_of(body), np.zeros((2, 8, 8, 3), np.uint8))


def test_a_shipped_model_has_them_read_from_its_file():
    of_images = features(tellapart.load("digits"), np.zeros((2, 28, 28, 1), np.uint8), precision="bfloat16")
    assert of_images.shape == (2, 128)
