"""Wrong labels and strangers stand out among features."""

from dataclasses import replace

import numpy as np
import pytest
from albums import album_of, scene

from tellapart.checks.labels import judged_rows, label_suspects, outliers
from tellapart.checks.suspicion import findings_of_labels

NONE = np.zeros(121, bool)


@pytest.fixture(scope="module")
def album():
    """Two clouds of features; pictures 4 and 9 have the other one's label, 120 lies far from both."""
    random = np.random.default_rng(0)
    labels = np.arange(121) % 2
    features = random.normal(0, 0.3, (121, 16)) + 4 * np.eye(16)[labels]
    features[120] = -6 * np.eye(16)[5]
    labels[[4, 9]] = 1 - labels[[4, 9]]
    small = album_of([scene(0, 12)] * 121, labels=labels)
    return replace(small, features=features.astype(np.float32))


def test_flipped_labels_are_the_suspects_and_get_their_class_back(album):
    rows = judged_rows(album, NONE)
    suspects = label_suspects(album, rows[rows != 120])
    assert sorted(suspects.rows.tolist()) == [4, 9]
    assert suspects.suggested.tolist() == (suspects.rows % 2).tolist()
    assert suspects.probability.max() < 0.1
    assert suspects.accuracy == pytest.approx(118 / 120)


def test_a_stranger_is_the_only_outlier(album):
    rows, far = outliers(album, judged_rows(album, NONE))
    assert rows.tolist() == [120]
    assert far[0] > 2


def test_a_class_of_few_pictures_is_not_judged():
    album = album_of([scene(0, 12)] * 30, labels=[0] * 25 + [1] * 5)
    assert judged_rows(album, NONE[:30]).tolist() == list(range(25))


def test_one_class_alone_cannot_be_judged(album):
    assert label_suspects(album, np.flatnonzero(album.labels == 0)) is None


def test_labels_that_have_nothing_to_do_with_the_pictures_are_not_judged(album):
    """Every second picture would be suspicious, for no reason."""
    random = np.random.default_rng(1)
    shuffled = replace(album, labels=random.permutation(album.labels))
    suspects = label_suspects(shuffled, judged_rows(shuffled, NONE))
    assert not suspects.has_grounds
    left_out = []
    findings = list(findings_of_labels(shuffled, NONE, [], left_out))
    assert "wrong label" not in {finding.kind for finding in findings}
    assert "Wrong labels: not judged" in left_out[0]
