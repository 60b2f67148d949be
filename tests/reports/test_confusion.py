"""The confusion matrix of a report: its counts, its shades, and which images it carries."""

import numpy as np
import pytest

from tellapart.reports.confusion import (
    IMAGES,
    IMAGES_OF_A_CORRECT_CELL,
    confusion_cells,
    frequent_confusions,
    images_per_cell,
    matrix_rows,
    shows_every_mistake,
)
from tellapart.runs.predictions import SplitPredictions


def test_every_image_of_a_wrong_cell_is_carried_where_there_is_room():
    counts, is_correct = np.array([960, 74, 5, 850, 1]), np.array([True, False, False, True, False])
    assert images_per_cell(counts, is_correct).tolist() == [8, 74, 5, 8, 1]


def test_many_wrong_images_share_the_room():
    counts, is_correct = np.array([500, 600, 700, 3]), np.array([True, False, False, False])
    shown = images_per_cell(counts, is_correct)
    assert shown.tolist() == [8, 444, 444, 3]
    assert shown.sum() <= IMAGES


def test_of_very_many_cells_each_shows_one_image():
    counts, is_correct = np.full(5000, 4), np.arange(5000) < 100
    assert set(images_per_cell(counts, is_correct).tolist()) == {1}


def test_of_a_thousand_classes_each_correct_cell_shows_one_image():
    counts, is_correct = np.full(2000, 4), np.arange(2000) < 1000
    assert set(images_per_cell(counts, is_correct).tolist()) == {1}


def test_without_a_wrong_cell_the_correct_ones_show_a_few():
    shown = images_per_cell(np.array([30, 2]), np.array([True, True]))
    assert shown.tolist() == [IMAGES_OF_A_CORRECT_CELL, 2]


def test_a_cell_holds_its_images_the_most_confident_first():
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.7, 0.3], [0.2, 0.8]], np.float32)
    test = SplitPredictions(probabilities, np.array([0, 0, 0, 1]), ("a", "b", "c", "d"))
    cells = confusion_cells(test, 2)
    assert {index: cell["count"] for index, cell in cells.items()} == {0: 1, 1: 2, 3: 1}
    assert [(image["row"], image["id"]) for image in cells[1]["images"]] == [(1, "b"), (0, "a")]
    assert cells[1]["images"][0]["probability"] == pytest.approx(0.9)
    assert shows_every_mistake(cells, 2)
    cells[1]["images"].pop()
    assert not shows_every_mistake(cells, 2)


CONFUSION = [[6, 3, 1], [0, 8, 2], [0, 0, 10]]


def test_a_correct_cell_is_shaded_by_its_share_and_a_wrong_one_by_the_worst():
    rows = matrix_rows(["a", "b", "c"], CONFUSION)
    assert [[cell["count"] for cell in row["cells"]] for row in rows] == CONFUSION
    shades = [[cell["shade"] for cell in row["cells"]] for row in rows]
    np.testing.assert_allclose(shades, [[0.6, 1, 1 / 3], [0, 0.8, 2 / 3], [0, 0, 1]])
    assert [[cell["is_correct"] for cell in row["cells"]] for row in rows] == np.eye(3, dtype=bool).tolist()


def test_the_most_frequent_confusions_come_first_and_empty_cells_not_at_all():
    pairs = frequent_confusions(["a", "b", "c"], CONFUSION)
    assert [(pair["target"], pair["predicted"], pair["count"], pair["cell"]) for pair in pairs] == [
        ("a", "b", 3, 1),
        ("b", "c", 2, 5),
        ("a", "c", 1, 2),
    ]
    assert [pair["share"] for pair in pairs] == pytest.approx([0.3, 0.2, 0.1])
