"""Two runs are compared on the images where their predictions differ."""

from math import comb

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tellapart.errors import DataError
from tellapart.reports.comparison import compare, holm
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
def test_runs_of_different_images_have_no_paired_test(other):
    comparison = compare({"a": run(np.ones(100, bool)), "b": run(np.ones(100, bool), **other)})
    assert comparison["pairs"] == []
    (unpaired,) = comparison["unpaired"]
    assert (unpaired["first"], unpaired["second"]) == ("a", "b")
    assert "scored on different test pictures (100 and 100, 100 of the same name)" in unpaired["reason"]


def test_a_run_that_was_not_finished_is_compared_without_a_test():
    comparison = compare({"a": run(np.arange(100) < 80), "b": {}, "c": run(np.arange(100) < 90)})
    assert [(pair["first"], pair["second"]) for pair in comparison["pairs"]] == [("a", "c")]
    assert [row["accuracy"] for row in comparison["runs"]] == [0.8, None, 0.9]
    assert [each["reason"] for each in comparison["unpaired"]] == ["b has no test predictions"] * 2


def test_networks_of_different_classes_have_no_paired_test():
    wide = run(np.ones(100, bool))["test"]
    wide = SplitPredictions(np.hstack([wide.probabilities, np.zeros((100, 1), np.float32)]), LABELS, IDS)
    (unpaired,) = compare({"a": run(np.ones(100, bool)), "b": {"test": wide}})["unpaired"]
    assert unpaired["reason"] == "they tell different classes apart"


def test_one_run_is_no_comparison():
    with pytest.raises(DataError, match="at least two runs"):
        compare({"a": {}})


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x 0.01; 2 x 0.03; and 0.04 may not come before it
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
    ],
)
def test_p_values_are_corrected_as_holm_does(p_values, corrected):
    assert holm(p_values) == pytest.approx(corrected)


def test_three_runs_have_corrected_p_values():
    comparison = compare(
        {name: run(np.arange(100) < count) for name, count in [("a", 80), ("b", 85), ("c", 90)]}
    )
    by_hand = {("a", "b"): 2 * 0.5**5, ("a", "c"): 2 * 0.5**10, ("b", "c"): 2 * 0.5**5}
    assert {(p["first"], p["second"]): p["p_value"] for p in comparison["pairs"]} == pytest.approx(by_hand)
    assert [pair["p_holm"] for pair in comparison["pairs"]] == pytest.approx([0.125, 6 / 1024, 0.125])


def several(noise, targets, seed=1):
    """Return predictions of several labels: the truth, blurred."""
    blurred = targets + noise * np.random.default_rng(seed).normal(size=targets.shape)
    return {
        "test": SplitPredictions(blurred.astype(np.float32), targets, tuple(map(str, range(len(targets)))))
    }


TARGETS = (np.random.default_rng(0).random((400, 5)) < 0.3).astype(np.float32)


def test_runs_on_several_labels_are_compared_by_their_mean_average_precision():
    sharp, dull = several(0.6, TARGETS), several(1.2, TARGETS, seed=2)
    comparison = compare({"dull": dull, "sharp": sharp})
    expected = [
        average_precision_score(TARGETS, each["test"].probabilities, average="macro")
        for each in (dull, sharp)
    ]
    assert [row["average_precision"] for row in comparison["runs"]] == pytest.approx(expected, abs=1e-6)
    assert [row["accuracy"] for row in comparison["runs"]] == [None, None]
    (pair,) = comparison["pairs"]
    assert pair["difference"] == pytest.approx(expected[1] - expected[0], abs=1e-6)
    assert pair["p_value"] == pytest.approx(2 / 1001)  # better on every one of the 1,000 resamples
    assert pair["only_first_correct"] is pair["only_second_correct"] is None


def test_the_bootstrap_of_a_difference_agrees_with_one_written_out():
    first, second = several(1.0, TARGETS), several(1.05, TARGETS, seed=3)
    (pair,) = compare({"a": first, "b": second})["pairs"]
    random, differences = np.random.default_rng(7), []
    for _ in range(300):
        rows = random.integers(0, 400, 400)
        scores = [
            average_precision_score(TARGETS[rows], each["test"].probabilities[rows], average="macro")
            for each in (first, second)
        ]
        differences.append(scores[1] - scores[0])
    share = np.mean(np.array(differences) <= 0)
    assert 0.02 < share < 0.98  # close enough that the test can tell a wrong p
    assert pair["p_value"] == pytest.approx(2 * min(share, 1 - share), abs=0.12)


def test_equal_runs_on_several_labels_are_no_different():
    (pair,) = compare({"a": several(1.0, TARGETS), "b": several(1.0, TARGETS)})["pairs"]
    assert pair["difference"] == 0
    assert pair["p_value"] == 1


def test_a_run_of_one_class_and_one_of_several_labels_are_not_tested():
    one = run(np.arange(400) < 300, tuple(map(str, range(400))), np.zeros(400, np.int64))
    (unpaired,) = compare({"a": one, "b": several(1.0, TARGETS)})["unpaired"]
    assert unpaired["reason"] == "one gives a picture one class, the other several labels"
