"""Images of unknown classes lie far from those of the known ones; few of one's own lie above the limit."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from tellapart.metrics import novelty
from tellapart.metrics.novelty import (
    FEWEST_SCORES,
    FeatureReference,
    energy,
    familiar_limit,
    fit_reference,
    fit_reference_and_limit,
    held_out_scores,
    standardized_energy,
)

DIGITS = load_digits()
KNOWN = DIGITS.target < 5
PIXELS, LABELS = DIGITS.data[KNOWN], DIGITS.target[KNOWN]  # 901 digits 0 to 4, 64 pixels each
NEW = np.arange(len(LABELS)) % 3 == 0  # 301 of them
UNKNOWN = DIGITS.data[~KNOWN]  # digits 5 to 9


def of_length_one(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def reference():
    return fit_reference(PIXELS[~NEW], LABELS[~NEW])


def test_a_score_is_the_mahalanobis_distance_to_the_nearest_class_mean(reference):
    """Compared with the inverse of the whole covariance."""
    points, directions = of_length_one(PIXELS[NEW]), reference.directions.astype(float)
    *along, remainder = reference.variances.astype(float)
    covariance = remainder * np.eye(64) + directions.T @ np.diag(np.array(along) - remainder) @ directions
    away = points[:, None] - reference.means.astype(float)  # (N, 5, 64)
    squared = np.einsum("nkd,de,nke->nk", away, np.linalg.inv(covariance), away).min(1)
    np.testing.assert_allclose(reference.score(PIXELS[NEW]), np.sqrt(squared / 64), rtol=2e-3)


def test_the_kept_directions_are_those_of_the_largest_spread_within_classes(reference):
    points = of_length_one(PIXELS[~NEW])
    means = np.stack([points[LABELS[~NEW] == label].mean(0) for label in range(5)])
    variances = np.linalg.svd(points - means[LABELS[~NEW]], compute_uv=False) ** 2 / (len(points) - 5)
    kept = len(reference.directions)
    np.testing.assert_allclose(reference.variances[:8], variances[:8], rtol=0.01)
    np.testing.assert_allclose(reference.variances[:-1].sum(), variances[:kept].sum(), rtol=0.02)
    np.testing.assert_allclose(reference.variances[-1], variances[kept:].sum() / (64 - kept), rtol=0.05)


def test_unknown_digits_are_told_from_known_ones_better_than_by_the_nearest_mean_alone(reference):
    scores = np.r_[reference.score(PIXELS[NEW]), reference.score(UNKNOWN)]
    to_means = of_length_one(DIGITS.data)[:, None] - reference.means.astype(float)
    nearest = np.linalg.norm(to_means, axis=2).min(1)
    is_unknown = np.repeat([0, 1], [NEW.sum(), len(UNKNOWN)])
    area = roc_auc_score(is_unknown, scores)
    plain = roc_auc_score(is_unknown, np.r_[nearest[KNOWN][NEW], nearest[~KNOWN]])
    assert area > 0.9
    assert area > plain


def test_brightness_changes_no_score(reference):
    np.testing.assert_allclose(reference.score(3 * PIXELS), reference.score(PIXELS), rtol=1e-9)


def test_a_limit_refuses_about_two_in_a_hundred_new_familiar_images(reference):
    _, limit = fit_reference_and_limit(PIXELS[~NEW], LABELS[~NEW])
    refused = (reference.score(PIXELS[NEW]) > limit).mean()
    assert 0 < refused < 0.05
    assert (reference.score(UNKNOWN) > limit).mean() > 10 * refused


def test_each_image_is_scored_by_a_reference_fitted_without_it():
    rows = np.r_[0:12, 100:112]  # few enough to go one by one
    features, labels = PIXELS[rows], LABELS[rows]
    alone = [
        fit_reference(np.delete(features, row, 0), np.delete(labels, row)).score(features[row : row + 1])[0]
        for row in range(len(rows))
    ]
    np.testing.assert_allclose(np.sort(held_out_scores(features, labels)), np.sort(alone), rtol=1e-9)


def test_many_images_are_scored_once_each_in_parts():
    assert len(held_out_scores(PIXELS, LABELS)) == len(PIXELS)


def test_of_very_many_images_some_are_held_out(monkeypatch):
    monkeypatch.setattr(novelty, "ONE_PART", 500)
    monkeypatch.setattr(novelty, "MOST_SCORED", 90)
    monkeypatch.setattr(novelty, "MOST_SPREAD", 400)
    assert len(held_out_scores(PIXELS, LABELS)) == -(-len(PIXELS) // 10)


@pytest.mark.parametrize("count", [FEWEST_SCORES, 48, 400])
def test_a_new_score_exceeds_the_limit_as_seldom_as_promised(count):
    random = np.random.default_rng(0)
    draws = random.exponential(size=(4000, count + 1))
    exceeded = np.mean([draw[-1] > familiar_limit(draw[:-1]) for draw in draws])
    assert exceeded == pytest.approx(max(0.02, 1 / (count + 1)), abs=0.008)


def test_too_few_images_have_no_limit():
    assert familiar_limit(np.arange(FEWEST_SCORES - 1.0)) is None
    rows = np.flatnonzero(LABELS < 2)[:4]
    assert fit_reference_and_limit(PIXELS[rows], LABELS[rows])[1] is None


def test_two_images_of_each_of_two_classes_are_enough_for_scores():
    rows = [*np.flatnonzero(LABELS == 0)[:2], *np.flatnonzero(LABELS == 1)[:2]]
    reference = fit_reference(PIXELS[rows], LABELS[rows])
    known = DIGITS.data[DIGITS.target < 2]
    scores = np.r_[reference.score(known), reference.score(UNKNOWN)]
    assert roc_auc_score(np.repeat([0, 1], [len(known), len(UNKNOWN)]), scores) > 0.8


def test_images_that_are_all_the_same_have_finite_scores():
    reference = fit_reference(np.ones((6, 64)), np.array([0, 0, 0, 1, 1, 1]))
    assert np.isfinite(reference.score(np.r_[np.ones((1, 64)), PIXELS[:3]])).all()
    assert reference.score(np.ones((1, 64)))[0] < 0.1


def test_features_of_nothing_but_zeros_have_a_finite_score(reference):
    assert np.isfinite(reference.score(np.zeros((1, 64)))).all()


def test_no_images_have_no_scores(reference):
    assert reference.score(np.empty((0, 64))).shape == (0,)


def test_one_image_a_class_is_refused():
    with pytest.raises(ValueError, match="a class with two images"):
        fit_reference(PIXELS[:2], np.array([0, 1]))


def test_the_arrays_make_the_same_reference(reference):
    again = FeatureReference(**reference.to_arrays())
    np.testing.assert_array_equal(again.score(UNKNOWN), reference.score(UNKNOWN))


def test_a_reference_of_a_thousand_classes_is_small():
    random = np.random.default_rng(0)
    features = random.random((3000, 1280), np.float32)
    reference = fit_reference(features, np.arange(3000) % 1000)
    assert sum(array.nbytes for array in reference.to_arrays().values()) < 4_000_000


def test_energy_is_minus_the_logarithm_of_the_sum_of_exponentials():
    logits = np.random.default_rng(0).normal(size=(5, 7)) * 300
    np.testing.assert_allclose(energy(logits), -logsumexp(logits, axis=1))


def test_standardized_energy_ignores_the_scale_of_the_logits_and_what_is_added_to_all():
    logits = np.random.default_rng(0).normal(size=(5, 7))
    np.testing.assert_allclose(standardized_energy(4 * logits + 3), standardized_energy(logits))
    scaled = (logits - logits.mean(1, keepdims=True)) / logits.std(1, keepdims=True)
    np.testing.assert_allclose(standardized_energy(logits), -logsumexp(scaled, axis=1))


def test_every_method_has_its_score(reference):
    logits = np.random.default_rng(0).normal(size=(len(UNKNOWN), 5))
    by = {method: novelty.novelty_scores(method, UNKNOWN, logits, reference) for method in novelty.METHODS}
    np.testing.assert_array_equal(by["features"], reference.score(UNKNOWN))
    np.testing.assert_array_equal(by["energy"], energy(logits))
    np.testing.assert_array_equal(by["standardized energy"], standardized_energy(logits))
    with pytest.raises(ValueError, match="reference"):
        novelty.novelty_scores("features", UNKNOWN, logits, None)
