"""Mistakes: the wrong predictions that the network was most confident of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.runs.predictions import SplitPredictions

MISTAKES = 30
"""How many a report shows."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test image whose predicted class is not its true class."""

    row: int
    """Row of the test split."""

    id: str
    true_class: str
    predicted_class: str
    probability: float
    """Probability of the predicted class, uncalibrated."""

    true_class_probability: float


def confident_mistakes(
    test: SplitPredictions, class_names: Sequence[str], most: int = MISTAKES
) -> list[Mistake]:
    """Return the most confident of the wrong predictions, the most confident first."""
    predicted = test.probabilities.argmax(1)
    confidence = test.probabilities.max(1)
    wrong = np.flatnonzero(predicted != test.labels)
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    return [
        Mistake(
            row=int(row),
            id=test.ids[row],
            true_class=class_names[test.labels[row]],
            predicted_class=class_names[predicted[row]],
            probability=float(confidence[row]),
            true_class_probability=float(test.probabilities[row, test.labels[row]]),
        )
        for row in rows
    ]
