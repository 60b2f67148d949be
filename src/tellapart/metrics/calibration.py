"""Calibration: whether predictions made with p% confidence are correct p% of the time, and temperature scaling.

Pure functions of probabilities and labels. A temperature is fitted on held-out images, never
on those that the calibration is reported for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
"""(N, classes), rows summing to 1."""

Labels = NDArray[np.int64]
"""(N,) class indices."""

BINS = 15
"""Number of bins of equal width, as in Guo et al. 2017."""

SMALLEST = 1e-12
"""Lower bound on probabilities, since the logarithm of zero is infinite."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose confidence lies in one interval. Shares are 0 to 1; in an empty bin, 0."""

    low: float
    high: float
    """Ends of the interval; a prediction belongs to the bin where low < confidence <= high."""

    answers: int
    """Number of predictions in the bin."""

    confidence: float
    """Mean confidence of the predictions."""

    accuracy: float
    """Share of the predictions that are correct."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Coverage and accuracy if only sufficiently confident predictions are made."""

    confidence: float
    """Lowest confidence at which a prediction is made."""

    answered: float
    """Share of the images for which a prediction is made."""

    accuracy: float | None
    """Share of these predictions that are correct; None if there are none."""

    answers: int
    """Number of these predictions."""


def reliability(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> tuple[Bin, ...]:
    """Return confidence and accuracy bin by bin.

    Args:
        probabilities: (N, classes).
        labels: (N,).
        bins: number of bins of equal width from 0 to 1.
    """
    confidence, correct = _confidence(probabilities, labels)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    rows = []
    for index in range(bins):
        inside = place == index
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(correct[inside].mean())) if count else (0.0, 0.0)
        rows.append(Bin(float(edges[index]), float(edges[index + 1]), count, *means))
    return tuple(rows)


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Return the expected calibration error (ECE): the mean gap of confidence and accuracy over bins, weighted by size.

    Source: Naeini et al. 2015; with 15 bins of equal width as in Guo et al. 2017, arXiv:1706.04599.
    """
    rows = reliability(probabilities, labels, bins)
    return sum(row.answers * abs(row.confidence - row.accuracy) for row in rows) / len(labels)


def tempered(probabilities: Probabilities, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities as a softmax of that temperature would give them.

    Args:
        probabilities: (N, classes), of temperature 1.
        temperature: above 1 less confident, below 1 more confident; the order of the classes stays.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) / temperature
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """Return the temperature that maximizes the likelihood of the labels, between 1/20 and 20.

    Args:
        probabilities: (N, classes), of images that were not trained on.
        labels: (N,).

    A few images that are all classified correctly would drive it to its lower bound. So labels are smoothed
    by 1 / (N + 2), as in Platt 1999 (Advances in Large Margin Classifiers).

    Source: Guo et al. 2017, arXiv:1706.04599. The loss is convex in 1 / temperature, so there is one minimum
    to find, also on the scale of logarithms.
    """
    from scipy.optimize import minimize_scalar

    count, classes = probabilities.shape
    smoothing = 1 / (count + 2)
    targets = np.full((count, classes), smoothing / max(1, classes - 1))
    targets[np.arange(count), labels] = 1 - smoothing

    def loss(log_temperature: float) -> float:
        scaled = tempered(probabilities, float(np.exp(log_temperature)))
        return float(-(targets * np.log(np.maximum(scaled, SMALLEST))).sum(1).mean())

    limit = float(np.log(20))
    optimum = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(optimum.x))


def thresholds(probabilities: Probabilities, labels: Labels, steps: int = 100) -> tuple[Threshold, ...]:
    """Return coverage and accuracy at each confidence threshold.

    Args:
        probabilities: (N, classes).
        labels: (N,).
        steps: number of steps from 0 to 1, with one threshold more.
    """
    confidence, correct = _confidence(probabilities, labels)
    rows = []
    for step in range(steps + 1):
        confident = confidence >= step / steps
        count = int(confident.sum())
        accuracy = float(correct[confident].mean()) if count else None
        rows.append(Threshold(step / steps, count / len(labels), accuracy, count))
    return tuple(rows)


def _confidence(
    probabilities: Probabilities, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence of each prediction, and whether it is correct."""
    return probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
