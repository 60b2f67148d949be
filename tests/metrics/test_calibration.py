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


def predictions(n=4000, classes=5, sharpness=1.0, seed=0):
    """Return predictions that are overconfident by a known factor, and labels drawn from the true probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, classes)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) < random.random((n, 1))).sum(1)
    sharp = np.exp(sharpness * logits)
    return (sharp / sharp.sum(1, keepdims=True)).astype(np.float32), labels


def test_bins_are_scikit_learns():
    probabilities, labels = predictions(sharpness=2.0)
    right = probabilities.argmax(1) == labels
    shares, confidences = calibration_curve(right, probabilities.max(1).astype(np.float64), n_bins=15)
    bins = [row for row in reliability(probabilities, labels) if row.answers]
    np.testing.assert_allclose([row.accuracy for row in bins], shares)
    np.testing.assert_allclose([row.confidence for row in bins], confidences, rtol=1e-6)


def test_the_error_is_the_weighted_mean_over_scikit_learns_bins():
    probabilities, labels = predictions(sharpness=2.0)
    sure, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    shares, confidences = calibration_curve(right, sure, n_bins=15)
    counts = np.histogram(sure, np.linspace(0, 1, 16))[0]
    expected = (counts[counts > 0] * np.abs(shares - confidences)).sum() / len(labels)
    assert calibration_error(probabilities, labels) == pytest.approx(expected)


def test_true_probabilities_have_almost_no_error_and_overconfident_ones_do():
    assert calibration_error(*predictions(n=40_000)) < 0.01
    assert calibration_error(*predictions(n=40_000, sharpness=3.0)) > 0.1


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_is_the_factor_by_which_predictions_are_overconfident(sharpness):
    probabilities, labels = predictions(n=40_000, sharpness=sharpness)
    assert fit_temperature(probabilities, labels) == pytest.approx(sharpness, rel=0.05)


def test_no_other_temperature_has_less_loss():
    probabilities, labels = predictions(sharpness=1.7)
    temperature = fit_temperature(probabilities, labels)
    losses = {t: log_loss(labels, tempered(probabilities, t)) for t in np.geomspace(0.2, 5, 200)}
    assert (
        log_loss(labels, tempered(probabilities, temperature)) <= min(losses.values()) + 1e-4
    )  # labels are smoothed a little


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_images_that_are_all_classified_correctly_do_not_make_it_certain(count):
    probabilities = tempered(np.full((count, 4), [[0.7, 0.1, 0.1, 0.1]]), 1.0)
    sure = tempered(probabilities, fit_temperature(probabilities, np.zeros(count, np.int64)))[0, 0]
    assert sure == pytest.approx(1 - 1 / (count + 2), rel=1e-3)


def test_a_temperature_changes_no_predicted_class_and_a_temperature_of_one_nothing():
    probabilities, _ = predictions()
    assert (tempered(probabilities, 3.0).argmax(1) == probabilities.argmax(1)).all()
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities, atol=1e-6)
    np.testing.assert_allclose(tempered(probabilities, 3.0).sum(1), 1)


def test_a_confident_wrong_prediction_does_not_make_the_temperature_infinite():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert 0.05 <= fit_temperature(probabilities, np.array([0, 1])) <= 20


def test_thresholds_are_counted():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], np.float32)
    rows = thresholds(probabilities, np.array([0, 1, 1]), steps=10)
    assert [(row.answers, row.accuracy) for row in rows[5:]] == [
        (3, pytest.approx(2 / 3)),
        (3, pytest.approx(2 / 3)),
        (1, 1.0),
        (1, 1.0),
        (0, None),
        (0, None),
    ]
    assert rows[0].answered == 1
