"""Scores of several labels a picture, held against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    precision_recall_curve,
)

from tellapart.metrics.average_precision import average_precision
from tellapart.metrics.label_scores import FEWEST_POSITIVES, best_thresholds, given_labels, score_labels
from tellapart.metrics.validation import is_better, validated

NAMES = ("cat", "dog", "owl", "rare")


@pytest.fixture(scope="module")
def answers():
    """Probabilities with ties, and targets: the last label is on two pictures."""
    random = np.random.default_rng(0)
    targets = (random.random((200, 4)) < (0.5, 0.3, 0.1, 0.0)).astype(np.float32)
    targets[[3, 90], 3] = 1
    probabilities = np.clip(0.4 * targets + random.random((200, 4)) * 0.7, 0, 1).round(2).astype(np.float32)
    return probabilities, targets


def test_average_precision_is_scikit_learns_to_a_millionth(answers):
    probabilities, targets = answers
    for column, of_label in zip(probabilities.T, targets.T, strict=True):
        assert average_precision(column, of_label) == pytest.approx(
            average_precision_score(of_label, column), abs=1e-6
        )


def test_pictures_of_one_probability_come_together():
    """Their order in the data decides nothing."""
    targets = np.array([1, 0, 0, 1])
    assert (
        average_precision(np.full(4, 0.5), targets)
        == average_precision(np.full(4, 0.5), targets[::-1])
        == 0.5
    )


def test_a_label_without_pictures_has_no_average_precision(answers):
    probabilities, targets = answers
    targets = targets.copy()
    targets[:, 3] = 0
    scores = score_labels(probabilities, targets, NAMES, (0.5,) * 4, "test")
    assert (scores.labels[3].average_precision, scores.labels[3].interval, scores.labels[3].recall) == (
        None,
    ) * 3
    assert scores.mean_average_precision == pytest.approx(
        average_precision_score(targets[:, :3], probabilities[:, :3]), abs=1e-6
    )


def test_scores_are_scikit_learns(answers):
    probabilities, targets = answers
    thresholds = (0.5, 0.4, 0.6, 0.7)
    scores = score_labels(probabilities, targets, NAMES, thresholds, "test")
    given = probabilities >= np.float32(thresholds)
    expected = {
        "mean_average_precision": average_precision_score(targets, probabilities),
        "micro_average_precision": average_precision_score(targets, probabilities, average="micro"),
        "macro_f1": f1_score(targets, given, average="macro"),
        "micro_f1": f1_score(targets, given, average="micro"),
        "exact_match": accuracy_score(targets, given),
        "loss": np.mean(
            [
                log_loss(t, np.clip(p.astype(float), 1e-7, 1 - 1e-7), labels=[0, 1])
                for t, p in zip(targets.T, probabilities.T, strict=True)
            ]
        ),
    }
    for name, value in expected.items():
        assert getattr(scores, name) == pytest.approx(value, abs=1e-6), name


def test_thresholds_have_the_largest_f1_there_is(answers):
    probabilities, targets = answers
    thresholds, chosen = best_thresholds(probabilities, targets)
    given = given_labels(probabilities, thresholds)
    for label in range(3):
        precision, recall, _ = precision_recall_curve(targets[:, label], probabilities[:, label])
        best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
        assert f1_score(targets[:, label], given[:, label]) == pytest.approx(best)
    assert chosen == (True, True, True, False)


def test_a_label_of_few_pictures_keeps_the_usual_threshold(answers):
    probabilities, targets = answers
    assert targets[:, 3].sum() < FEWEST_POSITIVES
    assert best_thresholds(probabilities, targets).values[3] == 0.5


def test_the_interval_is_that_of_resampled_pictures(answers):
    """Each resample is scored by scikit-learn, with the pictures' counts as weights."""
    probabilities, targets = (each[:, :3] for each in answers)
    random = np.random.Generator(np.random.Philox(0))
    weights = random.multinomial(200, np.full(200, 1 / 200), size=1000)
    means = [average_precision_score(targets, probabilities, sample_weight=row) for row in weights]
    scores = score_labels(probabilities, targets, NAMES[:3], (0.5,) * 3, "test")
    assert scores.interval == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=1e-9)


def test_an_epoch_is_scored_by_the_mean_average_precision(answers):
    probabilities, targets = answers
    scored = validated(probabilities, targets)
    assert scored.accuracy == pytest.approx(average_precision_score(targets, probabilities), abs=1e-6)
    assert scored.answers == tuple((probabilities >= 0.5).sum(0))
    assert is_better(targets, probabilities, targets)
    assert not is_better(probabilities, targets, targets)
