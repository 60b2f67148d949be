"""Comparison: several runs on the same test images, two by two, by a paired test."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import are_several
from tellapart.errors import DataError
from tellapart.metrics.scores import wilson_interval
from tellapart.runs.predictions import SplitPredictions


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs held against each other on the images where they disagree."""

    first: str
    second: str
    only_first_correct: int
    """Images that the first run classifies correctly and the second does not."""

    only_second_correct: int
    difference: float
    """Accuracy of the second run minus that of the first."""

    p_value: float
    """McNemar's exact test, two-sided: the probability of a split at least this uneven if both were equally good."""


def compare(runs: Mapping[str, Mapping[str, SplitPredictions]]) -> dict[str, Any]:
    """Compare runs on their test images.

    Args:
        runs: name of the run -> its predictions by split; at least two runs.

    Returns:
        "runs": each run's accuracy, its 95% interval and n; "pairs": a `Pair` for each two runs, as plain values.

    Raises:
        DataError: a run has no test predictions, or they are of other images.
    """
    tests = {name: _test_predictions(name, predictions) for name, predictions in runs.items()}
    if several := [name for name, test in tests.items() if are_several(test.labels)]:
        raise DataError(
            f"{several[0]} gives pictures several labels. The paired test compares runs that give each picture one "
            "class. "
            f"Compare the average precisions and their intervals: tellapart evaluate {several[0]}"
        )
    if len(tests) < 2:
        raise DataError(f"A comparison needs at least two runs with different names; got {len(tests)}.")
    _refuse_different_images(tests)
    correct = {name: test.probabilities.argmax(1) == test.labels for name, test in tests.items()}
    rows = [
        {
            "run": name,
            "accuracy": float(hits.mean()),
            "interval": wilson_interval(int(hits.sum()), len(hits)),
            "n": len(hits),
        }
        for name, hits in correct.items()
    ]
    pairs = [_pair(first, second, correct) for first, second in combinations(correct, 2)]
    return {"runs": rows, "pairs": [asdict(pair) for pair in pairs]}


def _pair(first: str, second: str, correct: Mapping[str, NDArray[np.bool_]]) -> Pair:
    from scipy.stats import binomtest

    only_first = int((correct[first] & ~correct[second]).sum())
    only_second = int((correct[second] & ~correct[first]).sum())
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
    difference = float(correct[second].mean() - correct[first].mean())
    return Pair(first, second, only_first, only_second, difference, p_value)


def _test_predictions(name: str, predictions: Mapping[str, SplitPredictions]) -> SplitPredictions:
    if "test" not in predictions:
        raise DataError(f"{name} has no test predictions: the run was not finished. Resume it first.")
    return predictions["test"]


def _refuse_different_images(tests: Mapping[str, SplitPredictions]) -> None:
    first_name, first = next(iter(tests.items()))
    for name, test in tests.items():
        if test.ids != first.ids or (test.labels != first.labels).any():
            raise DataError(
                f"{name} and {first_name} were not scored on the same test pictures, so a paired test cannot compare "
                "them. Train both on the same data with the same seed, or on data that has a test split of its own."
            )
