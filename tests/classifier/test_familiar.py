"""A prediction says whether the picture is like the training pictures, from the same run of the network."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images
from sklearn.metrics import roc_auc_score

import tellapart
from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.inference.folded_net import InferenceNet

DIGITS = load_digits()
IMAGES = (DIGITS.images[900:, ..., None] * 15).astype(np.uint8)  # (897, 8, 8, 1)
NOISE = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)


def digits_classifier(tta_views=1):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    )
    preprocessing = Preprocessing(height=8, width=8, channels=1)
    classifier = Classifier.of_model(model, ModelCard(tuple("0123456789"), preprocessing, {}, tta_views))
    classifier.learn_familiar(DIGITS.data[:900].astype(np.float32) * 15, DIGITS.target[:900])
    return classifier


@pytest.fixture(scope="module")
def classifier():
    return digits_classifier()


@pytest.mark.parametrize("tta_views", [1, 2])
def test_each_prediction_has_the_score_of_its_features(tta_views):
    classifier = digits_classifier(tta_views)
    predictions, _ = classifier.predict(list(IMAGES[:20]))
    scores = classifier.reference.score(IMAGES[:20].reshape(20, 64))
    np.testing.assert_allclose([each.novelty for each in predictions], scores, rtol=1e-5)
    limit = classifier.card.novelty.limit
    assert [each.familiar for each in predictions] == (scores <= limit).tolist()


def test_digits_are_familiar_and_noise_is_not(classifier):
    familiar = [each.familiar for each in classifier.predict(list(IMAGES))[0]]
    assert np.mean(familiar) > 0.9
    assert not any(each.familiar for each in classifier.predict(list(NOISE))[0])


def test_too_few_training_pictures_leave_a_score_without_a_verdict(classifier):
    classifier = Classifier(
        replace(classifier.card, novelty=NoveltyLimit("features", None)),
        classifier.net,
        lambda: None,
        classifier.reference,
    )
    (prediction,) = classifier.predict(NOISE[0])[0]
    assert prediction.familiar is None
    assert prediction.novelty > 1


def test_a_model_without_a_method_says_nothing(classifier):
    plain = Classifier(replace(classifier.card, novelty=None), classifier.net, lambda: None)
    (prediction,) = plain.predict(NOISE[0])[0]
    assert (prediction.familiar, prediction.novelty) == (None, None)


def test_the_network_runs_once_for_each_picture(classifier, monkeypatch):
    passed, bodies = [], InferenceNet._bodies

    def counted(net, images):
        passed.append(len(images))
        return bodies(net, images)

    monkeypatch.setattr(InferenceNet, "_bodies", counted)
    classifier.predict(list(IMAGES[:30]))
    assert sum(passed) == 30


def test_evaluate_counts_unfamiliar_pictures(classifier):
    images = np.concatenate([IMAGES[:40], NOISE[:10]])
    labels = np.concatenate([DIGITS.target[900:940], np.zeros(10, np.int64)])
    evaluation = tellapart.evaluate(classifier, (images, labels))
    own = sum(not each.familiar for each in classifier.predict(list(IMAGES[:40]))[0])
    assert evaluation.unfamiliar == evaluation.to_dict()["unfamiliar_pictures"] == 10 + own


def test_json_and_csv_have_the_fields(classifier):
    predictions = tellapart.predict(classifier, [IMAGES[0], NOISE[0]])
    digit, noise = predictions.to_dict()["predictions"]
    assert (digit["familiar"], noise["familiar"]) == (True, False)
    assert digit["novelty"] < digit["novelty_limit"] == noise["novelty_limit"] < noise["novelty"]
    header, *rows = (line.split(",")[:5] for line in predictions.to_csv().splitlines())
    assert header == ["picture", "predicted", "familiar", "novelty", "novelty_limit"]
    assert [row[2] for row in rows] == ["true", "false"]


def test_csv_cells_are_empty_where_the_model_cannot_tell(classifier):
    plain = Classifier(replace(classifier.card, novelty=None), classifier.net, lambda: None)
    predictions = tellapart.predict(plain, [IMAGES[0]])
    assert predictions.to_csv().splitlines()[1].split(",")[2:5] == ["", "", ""]
    assert predictions.to_dict()["predictions"][0]["familiar"] is None


def test_the_built_in_cifar10_model_tells_noise_by_its_energy():
    cifar10 = tellapart.load("cifar10")
    assert cifar10.card.novelty.method == "energy"
    noise = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    assert not any(each.familiar for each in cifar10.predict(list(noise))[0])


def test_the_imagenet_model_tells_photos_from_noise():
    """It has no training photos at hand, so its limit is of its logits alone."""
    imagenet = tellapart.load("imagenet")
    assert imagenet.card.novelty.method == "standardized energy"
    random = np.random.default_rng(0)
    noise = list(random.integers(0, 256, (8, 224, 224, 3), np.uint8))
    photos = load_sample_images().images
    both = [each.novelty for each in imagenet.predict([*photos, *noise])[0]]
    assert roc_auc_score([0] * len(photos) + [1] * len(noise), both) == 1
    assert sum(each.familiar for each in imagenet.predict(noise)[0]) <= len(noise) / 2
    assert all(each.familiar for each in imagenet.predict(photos)[0])
