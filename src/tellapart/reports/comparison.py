"""Comparison: several runs, and where two were scored on the same test images, a paired test of the two."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import are_several
from tellapart.errors import DataError
from tellapart.metrics.calibration import calibration_error
from tellapart.metrics.label_scores import can_be_resampled, mean_average_precision, resampled_difference
from tellapart.metrics.scores import mcnemar, wilson_interval
from tellapart.runs.predictions import SplitPredictions

LEVEL = 0.05
"""p-value below which chance hardly explains a difference."""


MEASURES = {"accuracy": "accuracy", "mean AP": "average_precision"}
"""What runs are compared by: what a column is called -> the figure of a run."""


def measures_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return those of MEASURES that any of the runs has; where none was scored, the accuracy."""
    there = {title: name for title, name in MEASURES.items() if any(run[name] is not None for run in runs)}
    return there or {"accuracy": "accuracy"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs held against each other on the same images."""

    first: str
    second: str
    only_first_correct: int | None
    """Images that the first run classifies correctly and the second does not; None: of several labels a picture."""

    only_second_correct: int | None
    difference: float
    """Accuracy of the second run minus that of the first; of several labels, mean average precision."""

    p_value: float
    """McNemar's exact test, two-sided: the probability of a split at least this uneven if both were equally good. Of
    several labels, twice the share of bootstrap resamples on which the other run is at least as good."""

    p_holm: float = 1.0
    """The same, corrected for all pairs that are compared (Holm 1979)."""


def compare(runs: Mapping[str, Mapping[str, SplitPredictions]]) -> dict[str, Any]:
    """Compare runs on their test images.

    Args:
        runs: name of the run -> its predictions by split; at least two runs.

    Returns:
        "runs": each run's accuracy, its 95% interval, n and calibration error, None where it was not scored; of several
        labels a picture, the mean average precision and its interval instead; "pairs": a `Pair`, as plain values, for
        each two runs that were scored on the same images; "unpaired": "first", "second" and "reason" for all others.

    Raises:
        DataError: fewer than two runs.
    """
    if len(runs) < 2:
        raise DataError(f"A comparison needs at least two runs with different names; got {len(runs)}.")
    tests = {name: predictions.get("test") for name, predictions in runs.items()}
    pairs, unpaired = [], []
    for first, second in combinations(tests, 2):
        if reason := _why_unpaired(first, second, tests[first], tests[second]):
            unpaired.append({"first": first, "second": second, "reason": reason})
        else:
            pairs.append(_pair(first, second, tests[first], tests[second]))
    corrected = holm([pair.p_value for pair in pairs])
    pairs = [replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]
    return {
        "runs": [_row(name, test) for name, test in tests.items()],
        "pairs": [asdict(pair) for pair in pairs],
        "unpaired": unpaired,
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, each at most 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _row(name: str, test: SplitPredictions | None) -> dict[str, Any]:
    figures = dict.fromkeys(("accuracy", "average_precision", "interval", "n", "calibration_error"))
    if test is None:
        return {"run": name, **figures}
    if are_several(test.labels):
        precision, interval = mean_average_precision(test.probabilities, test.labels)
        return {
            "run": name, **figures, "average_precision": precision, "interval": interval, "n": len(test.labels)
        }  # fmt: skip
    correct = _correct(test)
    return {
        "run": name,
        **figures,
        "accuracy": float(correct.mean()),
        "interval": wilson_interval(int(correct.sum()), len(correct)),
        "n": len(correct),
        "calibration_error": calibration_error(test.probabilities, test.labels),
    }


def _correct(test: SplitPredictions) -> NDArray[np.bool_]:
    return test.probabilities.argmax(1) == test.labels


def _pair(first: str, second: str, test: SplitPredictions | None, other: SplitPredictions | None) -> Pair:
    assert test is not None
    assert other is not None
    if are_several(test.labels):
        return _pair_of_labels(first, second, test, other)
    correct, correct_too = _correct(test), _correct(other)
    only_first, only_second, p_value = mcnemar(correct, correct_too)
    difference = float(correct_too.mean() - correct.mean())
    return Pair(first, second, only_first, only_second, difference, p_value)


def _pair_of_labels(first: str, second: str, test: SplitPredictions, other: SplitPredictions) -> Pair:
    """Return a pair by a bootstrap over pictures (Efron and Tibshirani 1993, chapter 15)."""
    precision, _ = mean_average_precision(test.probabilities, test.labels)
    precision_too, _ = mean_average_precision(other.probabilities, test.labels)
    drawn = resampled_difference(test.probabilities, other.probabilities, test.labels)
    assert drawn is not None  # `_why_unpaired` asks
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (fewer + 1) / (len(drawn) + 1))
    return Pair(first, second, None, None, precision_too - precision, p_value)


def _why_unpaired(
    first: str, second: str, test: SplitPredictions | None, other: SplitPredictions | None
) -> str:
    """Return why a paired test cannot compare two runs, as a clause; empty where it can."""
    unscored = [name for name, each in ((first, test), (second, other)) if each is None]
    if unscored:
        return f"{' and '.join(unscored)} {'has' if len(unscored) == 1 else 'have'} no test predictions"
    assert test is not None
    assert other is not None
    if are_several(test.labels) != are_several(other.labels):
        return "one gives a picture one class, the other several labels"
    if test.probabilities.shape[1] != other.probabilities.shape[1]:
        return "they tell different classes apart"
    if test.ids != other.ids or (test.labels != other.labels).any():
        shared = len(set(test.ids) & set(other.ids))
        return (
            f"they were scored on different test pictures ({len(test.ids):,} and {len(other.ids):,}, "
            f"{shared:,} of the same name)"
        )
    if are_several(test.labels) and not can_be_resampled(test.labels):
        return "there are too many pictures and labels for a bootstrap, or none of the pictures has a label"
    return ""
