"""A model of real photos of cats and dogs tells pictures of anything else (`benchmarks/none_of_these.py`)."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

import tellapart
from tellapart.explanations.examples.features import features
from tellapart.metrics.novelty import fit_reference_and_limit

TRAINED, NEW = 80, 20


@pytest.fixture(scope="module")
def backbone():
    return tellapart.load("imagenet")


@pytest.fixture(scope="module")
def splits():
    folder = Path(os.environ.get("TELLAPART_DATA", "nowhere")) / "cats-and-dogs"
    if not folder.is_dir():
        pytest.skip("no photos: cats-and-dogs is not in TELLAPART_DATA")
    return tellapart.open_dataset(folder).splits


@pytest.fixture(scope="module")
def photos(backbone, splits):
    """Features (100 of each class, cats first) and labels of real photos."""
    split = splits["train"]
    rows = np.concatenate([np.flatnonzero(split.labels == label)[: TRAINED + NEW] for label in (0, 1)])
    return features_of(backbone, [split.images.read(row) for row in rows]), split.labels[rows]


def features_of(backbone, pictures):
    apply = backbone.card.preprocessing.apply
    return features(backbone, np.stack([apply(picture) for picture in pictures]))


def other_pictures():
    random = np.random.default_rng(0)
    crops = [photo[top : top + 300, 100:400] for photo in load_sample_images().images for top in (0, 60, 120)]
    digits = tellapart.open_dataset("digits").splits["train"].images
    return {
        "a flower and a building": crops,
        "digits": [digits.read(row) for row in range(12)],
        "noise": list(random.integers(0, 256, (6, 224, 224, 3), np.uint8)),
    }


def test_flowers_buildings_digits_and_noise_are_told_from_new_cats_and_dogs(backbone, photos):
    rows, labels = photos
    trained = np.arange(len(rows)) % (TRAINED + NEW) < TRAINED
    reference, limit = fit_reference_and_limit(rows[trained], labels[trained])
    own = reference.score(rows[~trained])
    assert (own > limit).mean() <= 0.1
    for name, pictures in other_pictures().items():
        scores = reference.score(features_of(backbone, pictures))
        area = roc_auc_score(np.repeat([0, 1], [len(own), len(scores)]), np.r_[own, scores])
        assert area > 0.98, name
        assert (scores > limit).mean() > 0.9, name


def test_features_in_bfloat16_score_nearly_the_same(backbone, splits, photos):
    """Training may compute features in bfloat16 and predicting in float32."""
    rows, labels = photos
    reference, limit = fit_reference_and_limit(rows, labels)
    split = splits["test"]
    images = np.stack(
        [backbone.card.preprocessing.apply(split.images.read(row)) for row in range(0, len(split.labels), 8)]
    )
    exact, rounded = (
        reference.score(features(backbone, images, precision=precision))
        for precision in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(rounded, exact, atol=0.03)
    assert ((rounded > limit) == (exact > limit)).mean() > 0.9
