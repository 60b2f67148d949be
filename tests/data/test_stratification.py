"""Iterative stratification: every part gets its share of every label, and every label is in every part where it can."""

import numpy as np
import pytest

from tellapart.data.dataset import Dataset, Split
from tellapart.data.images import ArrayImages
from tellapart.data.split import divide, read_split_csv, write_split_csv
from tellapart.data.stratification import dealt_evenly, drawn_evenly

NAMES = ("cat", "dog", "owl", "rare", "single")


def rows_of_labels(count=400, seed=0):
    """Targets of labels that are common, less common, and on three pictures and one."""
    random = np.random.default_rng(seed)
    targets = (random.random((count, 5)) < (0.5, 0.2, 0.05, 0.0, 0.0)).astype(np.float32)
    targets[[5, 100, 200], 3] = 1
    targets[7, 4] = 1
    return targets


def dataset_of(targets):
    ids = tuple(f"{row}.png" for row in range(len(targets)))
    images = ArrayImages(np.zeros((len(targets), 16, 16, 3), np.uint8))
    return Dataset("labels", NAMES, {"train": Split(ids, targets, images)}, True, (16, 16, 3), "here")


def test_each_part_gets_its_share_of_each_label():
    targets = rows_of_labels()
    parts = dealt_evenly(targets, [0.2] * 5, np.random.default_rng(1).permutation(len(targets)))
    counts = np.stack([targets[parts == part].sum(0) for part in range(5)])
    for label in range(3):
        assert np.abs(counts[:, label] - targets[:, label].sum() / 5).max() <= 1
    sizes = np.bincount(parts)
    assert sizes.max() - sizes.min() <= 8


def test_random_parts_are_less_even():
    """What the deal is for."""
    targets = rows_of_labels()
    random = np.random.default_rng(1)
    dealt = dealt_evenly(targets, [0.2] * 5, random.permutation(400))
    drawn = random.integers(0, 5, 400)
    uneven = [
        np.std([targets[parts == part].sum(0) for part in range(5)], axis=0).sum() for parts in (dealt, drawn)
    ]
    assert uneven[0] < uneven[1] / 2


def test_a_label_on_three_pictures_is_in_all_three_splits():
    divided = divide(dataset_of(rows_of_labels()), validation=0.1, test=0.2, seed=0)
    counts = {name: split.labels.sum(0) for name, split in divided.splits.items()}
    assert all((of_split[:4] >= 1).all() for of_split in counts.values())
    assert counts["train"][4] == 1  # the only picture of its label is trained on
    assert [len(split) for split in divided.splits.values()] == pytest.approx([280, 40, 80], abs=6)


def test_two_pictures_of_each_label_stay_where_two_are_needed():
    targets = rows_of_labels()
    drawn = drawn_evenly(targets, 80, np.arange(400), keep=2)
    left = np.delete(targets, drawn, axis=0).sum(0)
    assert left[3] == 2
    assert left[4] == 1


def test_the_draw_is_of_the_ids_and_the_seed():
    data = dataset_of(rows_of_labels())
    first, again, other = (divide(data, validation=0.1, test=0.2, seed=seed) for seed in (0, 0, 1))
    assert first.splits["test"].ids == again.splits["test"].ids != other.splits["test"].ids


def test_split_csv_holds_lists_of_names(tmp_path):
    data = dataset_of(rows_of_labels())
    write_split_csv(data, tmp_path / "split.csv")
    recorded = read_split_csv(tmp_path / "split.csv")
    assert recorded["5.png"][0].startswith("[")
    assert '"rare"' in recorded["5.png"][0]
