"""A model file keeps where its training images lie, and plain Keras still opens it."""

import zipfile

import keras
import numpy as np
import pytest
from safetensors.numpy import save
from sklearn.datasets import load_digits

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.reference_file import REFERENCE_ENTRY
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError

DIGITS = load_digits()


@pytest.fixture(scope="module")
def classifier():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    )
    card = ModelCard(tuple("0123456789"), Preprocessing(height=8, width=8, channels=1))
    classifier = Classifier.of_model(model, card)
    classifier.learn_familiar(DIGITS.data[:900].astype(np.float32), DIGITS.target[:900])
    return classifier


@pytest.fixture
def file(classifier, tmp_path):
    classifier.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def rewrite(path, entries):
    """Replace entries of a zip archive; leave out those that are None."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()} | entries
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(name, content)


def test_a_saved_model_scores_as_before(classifier, file):
    loaded = Classifier.load(file)
    assert loaded.card.novelty == classifier.card.novelty
    assert loaded.card.novelty.method == "features"
    np.testing.assert_array_equal(
        loaded.reference.score(DIGITS.data[900:]), classifier.reference.score(DIGITS.data[900:])
    )


def test_keras_reads_the_file_as_if_the_reference_were_not_there(classifier, file):
    images = DIGITS.images[:4, ..., None].astype(np.float32)
    np.testing.assert_allclose(
        keras.models.load_model(file).predict(images, verbose=0),
        classifier.probabilities(DIGITS.images[:4, ..., None].astype(np.uint8)),
        atol=1e-6,
    )


def test_most_digits_that_were_not_trained_on_are_familiar_and_noise_is_not(classifier):
    limit, reference = classifier.card.novelty.limit, classifier.reference
    noise = np.random.default_rng(0).integers(0, 17, (200, 64))
    assert (reference.score(DIGITS.data[900:]) <= limit).mean() > 0.9
    assert (reference.score(noise) > limit).mean() > 0.9


def test_a_file_without_the_reference_that_its_card_needs_is_refused(file):
    rewrite(file, {REFERENCE_ENTRY: None})
    with pytest.raises(ModelError, match=r"lacks tellapart-features\.safetensors"):
        Classifier.load(file)


@pytest.mark.parametrize(
    "content",
    [
        b"no tensors",
        save({}),
        save({"means": np.zeros((2, 8), np.float16)}),
        save(
            {
                "means": np.zeros((2, 8), np.float16),
                "directions": np.zeros((3, 9), np.float16),
                "variances": np.ones(4, np.float32),
            }
        ),
        save(
            {
                "means": np.zeros((2, 8), np.float16),
                "directions": np.zeros((3, 8), np.float16),
                "variances": np.zeros(4, np.float32),
            }
        ),
    ],
    ids=["bytes", "empty", "incomplete", "widths differ", "no variance"],
)
def test_a_damaged_reference_is_refused(file, content):
    rewrite(file, {REFERENCE_ENTRY: content})
    with pytest.raises(ModelError, match=r"m\.keras: tellapart-features\.safetensors is"):
        Classifier.load(file)
