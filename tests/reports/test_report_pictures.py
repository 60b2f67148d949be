"""Which pictures the confusion matrix of a report carries."""

import numpy as np

from tellapart.reports.page import PICTURES, PICTURES_OF_A_CELL, _shown


def test_all_pictures_of_wrong_cells_are_carried_where_there_is_room():
    counts, right = np.array([960, 74, 5, 850, 1]), np.array([True, False, False, True, False])
    assert _shown(counts, right).tolist() == [8, 74, 5, 8, 1]


def test_many_wrong_pictures_share_the_room():
    counts, right = np.array([500, 600, 700, 3]), np.array([True, False, False, False])
    shown = _shown(counts, right)
    assert shown.tolist() == [8, 444, 444, 3]
    assert shown.sum() <= PICTURES


def test_of_very_many_cells_each_shows_one():
    counts, right = np.full(5000, 4), np.arange(5000) < 100
    assert set(_shown(counts, right).tolist()) == {1}


def test_of_a_thousand_classes_each_right_cell_shows_one():
    counts, right = np.full(2000, 4), np.arange(2000) < 1000
    assert set(_shown(counts, right).tolist()) == {1}


def test_without_a_wrong_cell_the_right_ones_show_a_few():
    assert _shown(np.array([30, 2]), np.array([True, True])).tolist() == [PICTURES_OF_A_CELL, 2]
