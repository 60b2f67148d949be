"""Balanced batches: every class equally often, every image of a class equally often."""

import numpy as np
import pytest

from tellapart.data.sampler import BatchSampler, RowLabels, balanced_order
from tellapart.errors import ConfigError

LABELS = np.repeat([0, 1, 2], [1000, 20, 7])


def sampler(**changes):
    return BatchSampler(**{"n": 1027, "batch_size": 100, "seed": 3, "labels": RowLabels(LABELS), **changes})


def rows_of_epoch(batches, epoch):
    return np.concatenate([batches.rows(epoch, step) for step in range(batches.steps_per_epoch)])


def test_an_epoch_visits_each_class_equally_often():
    for epoch in range(3):
        rows = rows_of_epoch(sampler(), epoch)
        assert len(rows) == 1027
        counts = np.bincount(LABELS[rows])
        assert counts.max() - counts.min() <= 1


def test_images_of_a_class_are_visited_equally_often():
    visits = np.bincount(rows_of_epoch(sampler(), 0), minlength=1027)
    for label in range(3):
        of_class = visits[label == LABELS]
        assert of_class.max() - of_class.min() <= 1


def test_common_classes_show_other_images_in_other_epochs():
    seen = [
        set(rows_of_epoch(sampler(), epoch)) for epoch in range(40)
    ]  # each shows a third of the common class
    assert seen[0] != seen[1]
    assert set.union(*seen) == set(range(1027))


def test_classes_are_mixed_within_an_epoch():
    batches = sampler()
    for step in range(batches.steps_per_epoch - 1):
        assert (np.bincount(LABELS[batches.rows(0, step)], minlength=3) > 10).all()


def test_a_batch_depends_on_seed_epoch_and_step_alone():
    assert (sampler().rows(4, 2) == sampler().rows(4, 2)).all()
    assert (sampler(seed=4).rows(4, 2) != sampler().rows(4, 2)).any()


def test_a_shorter_epoch_is_balanced_too():
    rows = rows_of_epoch(sampler(rows_per_epoch=100), 0)
    assert sorted(np.bincount(LABELS[rows])) == [33, 33, 34]


def test_a_class_without_images_is_no_class():
    order = balanced_order(0, 0, RowLabels(np.repeat([0, 5], [30, 10])), 40)
    assert (order < 30).sum() == 20


def test_labels_of_other_rows_are_refused():
    with pytest.raises(ConfigError, match="label for each of 5 rows"):
        sampler(n=5)
