"""Mistakes in several labels a picture: labels given wrongly or missed, those farthest beyond their threshold first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import names_of
from tellapart.metrics.label_scores import given_labels
from tellapart.reports.mistakes import MISTAKES
from tellapart.runs.predictions import SplitPredictions

EPSILON = 1e-7
"""Probabilities and thresholds are kept this far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class LabelMistake:
    """A test image with a label that it is given and has not, or has and is not given."""

    row: int
    """Row of the test split."""

    id: str
    label: str
    is_missed: bool
    """Whether the image has the label; otherwise it was given it wrongly."""

    probability: float
    threshold: float
    true_labels: tuple[str, ...]
    given_labels: tuple[str, ...]


def label_mistakes(
    test: SplitPredictions,
    class_names: Sequence[str],
    thresholds: tuple[float, ...],
    most: int = MISTAKES,
) -> list[LabelMistake]:
    """Return the worst mistake of each image, by the distance of its odds from the threshold's; the worst first."""
    given, truth = given_labels(test.probabilities, thresholds), test.labels > 0
    distance = np.abs(_log_odds(test.probabilities) - _log_odds(np.array(thresholds)))
    distance = np.where(given != truth, distance, -1.0)
    worst = distance.argmax(1)
    amount = distance.max(1)
    rows = np.flatnonzero(amount >= 0)
    rows = rows[np.argsort(-amount[rows], kind="stable")][:most]
    return [
        LabelMistake(
            row=int(row),
            id=test.ids[row],
            label=class_names[worst[row]],
            is_missed=bool(truth[row, worst[row]]),
            probability=float(test.probabilities[row, worst[row]]),
            threshold=thresholds[worst[row]],
            true_labels=names_of(truth[row], class_names),
            given_labels=names_of(given[row], class_names),
        )
        for row in rows
    ]


def _log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return np.log(inside) - np.log1p(-inside)
