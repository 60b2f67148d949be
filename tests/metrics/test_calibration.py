"""Calibration against scikit-learn, NumPy and a search by brute force."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from tellapart.metrics.calibration import (
    calibration_error,
    fit_temperature,
    reliability,
    tempered,
    thresholds,
)


def answers(n=4000, classes=5, sharpness=1.0, seed=0):
    """Labels drawn from true probabilities, and answers that are too sure by a known factor."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, classes)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) < random.random((n, 1))).sum(1)
    sharp = np.exp(sharpness * logits)
    return (sharp / sharp.sum(1, keepdims=True)).astype(np.float32), labels


def test_bins_are_scikit_learns():
    given, labels = answers(sharpness=2.0)
    right = given.argmax(1) == labels
    shares, confidences = calibration_curve(right, given.max(1).astype(np.float64), n_bins=15)
    bins = [one for one in reliability(given, labels) if one.answers]
    np.testing.assert_allclose([one.accuracy for one in bins], shares)
    np.testing.assert_allclose([one.confidence for one in bins], confidences, rtol=1e-6)


def test_the_error_is_the_weighted_mean_over_scikit_learns_bins():
    given, labels = answers(sharpness=2.0)
    sure, right = given.max(1).astype(np.float64), given.argmax(1) == labels
    shares, confidences = calibration_curve(right, sure, n_bins=15)
    counts = np.histogram(sure, np.linspace(0, 1, 16))[0]
    expected = (counts[counts > 0] * np.abs(shares - confidences)).sum() / len(labels)
    assert calibration_error(given, labels) == pytest.approx(expected)


def test_true_probabilities_are_almost_without_error_and_too_sure_ones_are_not():
    assert calibration_error(*answers(n=40_000)) < 0.01
    assert calibration_error(*answers(n=40_000, sharpness=3.0)) > 0.1


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_is_the_factor_by_which_answers_are_too_sure(sharpness):
    given, labels = answers(n=40_000, sharpness=sharpness)
    assert fit_temperature(given, labels) == pytest.approx(sharpness, rel=0.05)


def test_no_other_temperature_has_less_loss():
    given, labels = answers(sharpness=1.7)
    found = fit_temperature(given, labels)
    losses = {t: log_loss(labels, tempered(given, t)) for t in np.geomspace(0.2, 5, 200)}
    assert (
        log_loss(labels, tempered(given, found)) <= min(losses.values()) + 1e-4
    )  # each label doubted a little


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_pictures_that_are_all_answered_rightly_do_not_make_it_certain(count):
    given = tempered(np.full((count, 4), [[0.7, 0.1, 0.1, 0.1]]), 1.0)
    sure = tempered(given, fit_temperature(given, np.zeros(count, np.int64)))[0, 0]
    assert sure == pytest.approx(1 - 1 / (count + 2), rel=1e-3)


def test_a_temperature_changes_no_answer_and_one_changes_nothing():
    given, _ = answers()
    assert (tempered(given, 3.0).argmax(1) == given.argmax(1)).all()
    np.testing.assert_allclose(tempered(given, 1.0), given, atol=1e-6)
    np.testing.assert_allclose(tempered(given, 3.0).sum(1), 1)


def test_a_sure_wrong_answer_does_not_make_the_temperature_infinite():
    given = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert 0.05 <= fit_temperature(given, np.array([0, 1])) <= 20


def test_thresholds_are_counted():
    given = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], np.float32)
    rows = thresholds(given, np.array([0, 1, 1]), steps=10)
    assert [(row.answers, row.accuracy) for row in rows[5:]] == [
        (3, pytest.approx(2 / 3)),
        (3, pytest.approx(2 / 3)),
        (1, 1.0),
        (1, 1.0),
        (0, None),
        (0, None),
    ]
    assert rows[0].answered == 1
