"""Scores against scikit-learn and published intervals."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from tellapart.metrics.scores import score, wilson_interval


@pytest.fixture
def answered():
    random = np.random.default_rng(0)
    answers = random.dirichlet(np.ones(5), 400).astype("float32")
    return answers, random.integers(0, 4, 400)  # class 4 never occurs


def test_scores_are_scikit_learns(answered):
    answers, labels = answered
    scores = score(answers, labels, tuple("abcde"), "test")
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, answers.argmax(1), labels=range(5), zero_division=0
    )
    np.testing.assert_allclose([c.precision for c in scores.classes], precision)
    np.testing.assert_allclose([c.recall for c in scores.classes], recall)
    np.testing.assert_allclose([c.f1 for c in scores.classes], f1)
    assert [c.pictures for c in scores.classes] == list(support)
    np.testing.assert_array_equal(
        scores.confusion, confusion_matrix(labels, answers.argmax(1), labels=range(5))
    )
    assert scores.loss == pytest.approx(log_loss(labels, answers, labels=range(5)), rel=1e-5)


def test_the_naive_accuracy_is_that_of_the_most_frequent_class(answered):
    answers, labels = answered
    assert score(answers, labels, tuple("abcde"), "test").naive_accuracy == np.bincount(labels).max() / 400


@pytest.mark.parametrize(
    ("right", "pictures", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(right, pictures, low, high):
    """Values of Newcombe 1998, table I, method 3."""
    assert wilson_interval(right, pictures) == pytest.approx((low, high), abs=5e-5)
