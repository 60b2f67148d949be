"""Two runs are compared on the images where their predictions differ."""

from math import comb

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.reports.comparison import compare
from tellapart.runs.predictions import SplitPredictions

LABELS = np.zeros(100, np.int64)
IDS = tuple(f"test/{row:05d}" for row in range(100))


def run(correct, ids=IDS, labels=LABELS):
    """Predictions that are correct where `correct` says."""
    probabilities = np.where(np.asarray(correct)[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    return {"test": SplitPredictions(probabilities, labels, ids)}


def test_only_images_predicted_differently_count():
    first, second = np.ones(100, bool), np.ones(100, bool)
    first[:12], second[:2] = False, False  # both wrong on 2, the first alone on 10
    second[50:53] = False  # the second alone on 3
    comparison = compare({"a": run(first), "b": run(second)})
    (pair,) = comparison["pairs"]
    assert (pair["only_first_correct"], pair["only_second_correct"]) == (3, 10)
    assert pair["difference"] == pytest.approx(0.07)
    by_hand = 2 * sum(comb(13, k) for k in range(4)) / 2**13  # both tails of 13 tosses of a coin
    assert pair["p_value"] == pytest.approx(by_hand)


def test_runs_that_predict_the_same_do_not_differ():
    comparison = compare({"a": run(np.arange(100) < 80), "b": run(np.arange(100) < 80)})
    assert comparison["pairs"][0]["p_value"] == 1
    assert comparison["runs"][0]["accuracy"] == pytest.approx(0.8)
    assert comparison["runs"][0]["n"] == 100


def test_three_runs_make_three_pairs():
    comparison = compare(
        {name: run(np.arange(100) < count) for name, count in [("a", 80), ("b", 85), ("c", 90)]}
    )
    assert [(pair["first"], pair["second"]) for pair in comparison["pairs"]] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]


@pytest.mark.parametrize("other", [{"ids": IDS[::-1]}, {"labels": np.ones(100, np.int64)}])
def test_different_images_cannot_be_compared(other):
    with pytest.raises(DataError, match="same test pictures"):
        compare({"a": run(np.ones(100, bool)), "b": run(np.ones(100, bool), **other)})


def test_a_run_that_was_not_finished_cannot_be_compared():
    with pytest.raises(DataError, match="not finished"):
        compare({"a": run(np.ones(100, bool)), "b": {}})
