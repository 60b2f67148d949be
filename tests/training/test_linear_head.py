"""The linear head is the logistic regression that scikit-learn computes, and its penalty is chosen on other images."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tellapart.metrics.validation import loss_and_accuracy
from tellapart.training.head_choice import Views, choose_by_folds, choose_on_held_out, folds_of
from tellapart.training.linear_head import HeadFitter

PENALTIES = (1.0, 0.1, 0.01)


@pytest.fixture(scope="module")
def digits():
    features, labels = load_digits(return_X_y=True)
    return features.astype(np.float32), labels.astype(np.int64)


def by_sklearn(features, labels, penalty, class_weight=None):
    """scikit-learn's probabilities for the same function, on features scaled by the same one number."""
    scale = np.sqrt(np.square(features - features.mean(0)).mean())
    scaled = ((features - features.mean(0)) / scale).astype(np.float64)
    strength = 1 / (len(labels) * penalty)
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000, class_weight=class_weight)
    return model.fit(scaled, labels).predict_proba(scaled)


@pytest.mark.parametrize("count", [40, 600])  # fewer images than features (64), and more
def test_a_head_is_scikit_learns_logistic_regression(count, digits):
    features, labels = digits[0][:count], digits[1][:count]
    heads = list(HeadFitter(features, labels, 10).fit(PENALTIES))
    for head, penalty in zip(heads, PENALTIES, strict=True):
        expected = by_sklearn(features, labels, penalty)
        np.testing.assert_allclose(head.probabilities(features), expected, atol=1e-3)


def test_a_head_of_some_rows_is_that_of_these_rows_alone(digits):
    """But for the scale, by which the penalty counts: it is that of all rows."""
    features, labels = digits[0][:300], digits[1][:300]
    features = np.concatenate([features[:150], features[:150] + 3])  # of the same scale but for the shift
    rows = np.arange(0, 300, 2)
    (some,) = HeadFitter(features, labels, 10).fit([0.01], rows)
    (alone,) = HeadFitter(features[rows], labels[rows], 10).fit([0.01])
    np.testing.assert_allclose(some.probabilities(features), alone.probabilities(features), atol=0.02)


def test_features_that_never_change_do_no_harm(digits):
    features, labels = digits[0][:100], digits[1][:100]
    (head,) = HeadFitter(np.zeros_like(features), labels, 10).fit([0.1])
    shares = np.bincount(labels, minlength=10) / len(labels)
    np.testing.assert_allclose(head.probabilities(features)[0], shares, atol=1e-3)


def test_every_fold_has_its_share_of_each_class():
    labels = np.repeat([0, 1, 2], [10, 7, 2])
    folds = folds_of(labels, 5, seed=0)
    for label in range(3):
        counts = np.bincount(folds[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1
        assert counts.max() < (labels == label).sum()  # no fold holds a whole class
    assert np.bincount(folds, minlength=5).max() <= 5
    assert (folds_of(labels, 5, seed=0) == folds).all()
    assert (folds_of(labels, 5, seed=1) != folds).any()


def test_a_penalty_is_chosen_by_predictions_for_images_that_the_head_has_not_seen(digits):
    """Labels at random: by images that it has learned by heart a head would look good."""
    features, _ = digits
    random = np.random.default_rng(0)
    train = Views([features[:60].repeat(1, 0)], random.integers(0, 2, 60))
    choice = choose_by_folds(train, 2, PENALTIES, folds_of(train.labels, 5, 0))
    loss, accuracy = loss_and_accuracy(choice.predicted.plain, train.labels)
    assert accuracy < 0.75
    assert loss == pytest.approx(choice.path[choice.best].loss)
    assert loss == min(score.loss for score in choice.path)


def test_views_of_an_image_are_on_the_same_side_of_a_fold(digits):
    """A copy of each image as its second view would give every held-out label away."""
    features, _ = digits
    train = Views([features[:60], features[:60]], np.random.default_rng(0).integers(0, 2, 60))
    choice = choose_by_folds(train, 2, PENALTIES, folds_of(train.labels, 5, 0))
    assert loss_and_accuracy(choice.predicted.plain, train.labels)[1] < 0.75


def test_digits_are_learned_from_the_chosen_penalty(digits):
    features, labels = digits
    train, held_out = Views([features[:1000]], labels[:1000]), Views([features[1000:]], labels[1000:])
    choice = choose_on_held_out(train, held_out, 10, (1.0, 0.1, 0.01, 0.001), seed=0)
    assert loss_and_accuracy(choice.predicted.plain, held_out.labels)[1] > 0.9
    assert choice.predicted.plain is not choice.predicted.averaged
    np.testing.assert_allclose(
        choice.head.probabilities(held_out.features[0]), choice.predicted.plain, atol=2e-2
    )


def several_labels(count):
    """Digits' features, and as labels: at least 5, even, round."""
    features, digit = load_digits(return_X_y=True)
    labels = np.stack([digit >= 5, digit % 2 == 0, np.isin(digit, (0, 6, 8, 9))], axis=1)
    return features[:count].astype(np.float32), labels[:count].astype(np.float32)


@pytest.mark.parametrize("count", [40, 600])
def test_a_head_of_several_labels_is_one_regression_of_scikit_learns_for_each(count):
    features, labels = several_labels(count)
    for head, penalty in zip(HeadFitter(features, labels, 3).fit(PENALTIES), PENALTIES, strict=True):
        probabilities = head.probabilities(features)
        for label in range(3):
            expected = by_sklearn(features, labels[:, label], penalty)[:, 1]
            np.testing.assert_allclose(probabilities[:, label], expected, atol=1e-3)


def test_the_penalty_of_several_labels_is_chosen_by_their_loss():
    features, labels = several_labels(300)
    views = Views([features], labels)
    choice = choose_by_folds(views, 3, PENALTIES, folds_of(labels, 3, seed=0))
    losses = [tried.loss for tried in choice.path]
    assert choice.best == int(np.argmin(losses))
    loss, score = loss_and_accuracy(choice.predicted.plain, labels)
    assert (loss, score) == (choice.path[choice.best].loss, choice.path[choice.best].accuracy)
    assert score > 0.95


@pytest.mark.parametrize("penalty", PENALTIES)
def test_class_weights_are_scikit_learns(penalty, digits):
    features, labels = digits[0][:400], digits[1][:400] % 3
    weights = np.array([0.3, 1.0, 4.0], np.float32)
    (head,) = HeadFitter(features, labels, 3, weights).fit([penalty])
    expected = by_sklearn(features, labels, penalty, dict(enumerate(weights.tolist())))
    np.testing.assert_allclose(head.probabilities(features), expected, atol=1e-3)


def test_a_penalty_is_chosen_by_the_weighted_loss(digits):
    features, labels = digits
    train = Views([features[:90]], labels[:90] % 3)
    weights = np.array([0.1, 1.0, 5.0], np.float32)
    choice = choose_by_folds(train, 3, PENALTIES, folds_of(train.labels, 5, 0), weights)
    loss, _ = loss_and_accuracy(choice.predicted.plain, train.labels, weights[train.labels])
    assert loss == pytest.approx(min(score.loss for score in choice.path))
