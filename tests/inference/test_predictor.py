"""Pictures become the same probabilities on one core and on two, alone and among many, now and after learning."""

import numpy as np
import pytest
import torch

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError
from tellapart.inference.predictor import probabilities
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers


def conv_net(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, padding="same"),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            layers.Activation("gelu"),
            layers.Conv2D(32, 3),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(6, "softmax", kernel_initializer="glorot_normal"),
        ]
    )
    return model, Classifier.of_model(
        model, ModelCard(tuple("abcdef"), Preprocessing(height=16, width=16), {})
    )


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def pictures(count):
    return np.random.default_rng(3).integers(0, 256, (count, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 600])
def test_one_core_and_two_give_the_same(count, threads):
    _, classifier = conv_net()
    predictions = []
    for cores in (1, 2):
        threads(cores)
        predictions.append(classifier.probabilities(pictures(count)))
    np.testing.assert_allclose(*predictions, rtol=0, atol=1e-6)
    np.testing.assert_allclose(predictions[0].sum(1), 1, atol=1e-6)


def test_it_is_what_keras_says():
    model, classifier = conv_net()
    images = pictures(40)
    expected = model(images.astype("float32"), training=False).detach().numpy()
    np.testing.assert_allclose(classifier.probabilities(images), expected, rtol=0, atol=1e-5)


def test_what_was_learned_since_is_in_the_next_answer(threads):
    threads(2)
    model, classifier = conv_net()
    images = pictures(40)
    first = classifier.probabilities(images)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images, np.arange(40) % 6, epochs=1, verbose=0)
    second = classifier.probabilities(images)
    expected = model(images.astype("float32"), training=False).detach().numpy()
    assert np.abs(second - first).max() > 1e-4
    np.testing.assert_allclose(second, expected, rtol=0, atol=1e-5)


def test_progress_counts_to_the_end(threads):
    threads(2)
    progress = []
    conv_net()[1].probabilities(pictures(600), lambda done, total: progress.append((done, total)))
    assert progress[-1] == (600, 600)
    assert [done for done, _ in progress] == sorted({done for done, _ in progress})


@pytest.mark.parametrize("cores", [1, 2])
def test_classes_in_bfloat16_are_those_of_float32(cores, threads):
    threads(cores)
    _, classifier = conv_net()
    images = pictures(400)
    exact, low = (classifier.probabilities(images, precision=p) for p in ("float32", "bfloat16"))
    np.testing.assert_array_equal(exact.argmax(1), low.argmax(1))
    np.testing.assert_allclose(low, exact, rtol=0, atol=0.03)
    assert not np.array_equal(low, exact)


def test_a_layer_of_somebody_elses_is_asked_in_float32_whatever_the_precision():
    class Own(layers.Layer):
        def call(self, x):
            return x / 2

    model = keras.Sequential([keras.Input((16, 16, 3)), Own(), layers.Flatten(), layers.Dense(6, "softmax")])
    classifier = Classifier.of_model(
        model, ModelCard(tuple("abcdef"), Preprocessing(height=16, width=16), {})
    )
    images = pictures(40)
    expected = classifier.probabilities(images)
    np.testing.assert_array_equal(classifier.probabilities(images, precision="bfloat16"), expected)


def test_a_precision_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="float32, bfloat16, auto; got 'half'"):
        conv_net()[1].probabilities(pictures(1), precision="half")


def test_what_fails_on_a_core_fails_here(threads):
    threads(2)

    class Broken:
        divides = True

        def ready(self, precision):
            return self

        def __call__(self, images):
            raise RuntimeError("broken net")

    with pytest.raises(RuntimeError, match="broken net"):
        probabilities(Broken(), pictures(100))
