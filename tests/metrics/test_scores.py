"""Scores against scikit-learn and published intervals."""

import json
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from tellapart.metrics.scores import score, wilson_interval
from tellapart.metrics.validation import validated


@pytest.fixture
def predictions():
    """Probabilities and labels of seven classes: 4 never occurs, 5 is never predicted, 6 is neither."""
    random = np.random.default_rng(0)
    probabilities = np.full((400, 7), 1e-3, "float32")
    probabilities[:, :5] = 0.998 * random.dirichlet(np.ones(5), 400)
    return probabilities, random.choice([0, 1, 2, 3, 5], 400)


def with_nan(shares):
    """None as NaN, as scikit-learn says it."""
    return [np.nan if share is None else share for share in shares]


def test_scores_are_scikit_learns(predictions):
    probabilities, labels = predictions
    scores = score(probabilities, labels, tuple("abcdefg"), "test")
    predicted = probabilities.argmax(1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(7), zero_division=np.nan
    )
    np.testing.assert_allclose(with_nan(row.precision for row in scores.classes), precision)
    np.testing.assert_allclose(with_nan(row.recall for row in scores.classes), recall)
    np.testing.assert_allclose(with_nan(row.f1 for row in scores.classes), f1)
    assert [row.pictures for row in scores.classes] == list(support)
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(labels, predicted, labels=range(7)))
    assert scores.loss == pytest.approx(log_loss(labels, probabilities, labels=range(7)), rel=1e-5)


def test_a_share_of_nothing_is_none(predictions):
    """E is only predicted, F only present, G neither."""
    *_, e, f, g = score(*predictions, tuple("abcdefg"), "test").classes
    assert (e.precision, e.recall, e.f1) == (0, None, 0)
    assert (f.precision, f.recall, f.f1) == (None, 0, 0)
    assert (g.precision, g.recall, g.f1) == (None, None, None)
    assert json.loads(json.dumps(asdict(g))) == asdict(g)


def test_an_epochs_recalls_are_those_of_its_scores(predictions):
    scores, validation = score(*predictions, tuple("abcdefg"), "validation"), validated(*predictions)
    assert validation.recalls == tuple(row.recall for row in scores.classes)
    assert (validation.loss, validation.accuracy) == (scores.loss, scores.accuracy)


def test_the_naive_accuracy_is_that_of_the_most_frequent_class(predictions):
    scores = score(*predictions, tuple("abcdefg"), "test")
    assert scores.naive_accuracy == np.bincount(predictions[1]).max() / 400


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(correct, images, low, high):
    """Values of Newcombe 1998, table I, method 3."""
    assert wilson_interval(correct, images) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_macro_scores_are_scikit_learns(seed):
    """Also where a class has no images, or no predictions, or neither."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(6), 60).astype(np.float32)
    probabilities[:, 4:] = 0
    probabilities[:3, 3] = 2
    labels = random.choice([0, 1, 2, 4], 60)
    scores = score(probabilities, labels, ("a", "b", "c", "d", "e", "f"), "test")
    predicted = probabilities.argmax(1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, average="macro", zero_division=0
    )
    assert scores.macro_precision == pytest.approx(precision)
    assert scores.macro_recall == pytest.approx(recall)
    assert scores.macro_f1 == pytest.approx(f1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a predicted class without images
        assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert scores.to_dict()["macro_f1"] == scores.macro_f1
