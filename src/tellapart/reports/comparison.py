"""Compare: several runs on the same test pictures, two by two, by a paired test."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from tellapart.errors import DataError
from tellapart.metrics.scores import wilson_interval
from tellapart.runs.predictions import SplitPredictions


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs. Accuracies alone cannot tell a difference that the same pictures can."""

    first: str
    second: str
    only_first_right: int
    """Pictures that the first answers rightly and the second does not."""

    only_second_right: int
    difference: float
    """Accuracy of the second less that of the first."""

    p_value: float
    """McNemar's exact test, two-sided: how likely a split as uneven is, were both equally good."""


def compare(runs: Mapping[str, Mapping[str, SplitPredictions]]) -> dict[str, Any]:
    """Hold runs against each other on their test pictures.

    Args:
        runs: answers by split, by what to call the run; at least two.

    Raises:
        DataError: a run has no test answers, or they are of other pictures.
    """
    tests = {name: _test(name, answers) for name, answers in runs.items()}
    if len(tests) < 2:
        raise DataError("Two runs or more, of different names, can be compared.")
    first_name, first = next(iter(tests.items()))
    for name, test in tests.items():
        if test.ids != first.ids or (test.labels != first.labels).any():
            raise DataError(
                f"{name} and {first_name} were not scored on the same test pictures, so no paired test can compare "
                "them. Train both on the same data with the same seed, or on a set with a test split of its own."
            )
    right = {name: test.probabilities.argmax(1) == test.labels for name, test in tests.items()}
    rows = [
        {
            "run": name,
            "accuracy": float(r.mean()),
            "interval": wilson_interval(int(r.sum()), len(r)),
            "n": len(r),
        }
        for name, r in right.items()
    ]
    return {"runs": rows, "pairs": [asdict(pair) for pair in _pairs(list(right), right)]}


def _pairs(names: Sequence[str], right: Mapping[str, Any]) -> list[Pair]:
    from scipy.stats import binomtest

    found = []
    for first, second in combinations(names, 2):
        only_first = int((right[first] & ~right[second]).sum())
        only_second = int((right[second] & ~right[first]).sum())
        differing = only_first + only_second
        p_value = float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
        difference = float(right[second].mean() - right[first].mean())
        found.append(Pair(first, second, only_first, only_second, difference, p_value))
    return found


def _test(name: str, answers: Mapping[str, SplitPredictions]) -> SplitPredictions:
    if "test" not in answers:
        raise DataError(f"{name} has no answers of its test pictures: it was not finished.")
    return answers["test"]
