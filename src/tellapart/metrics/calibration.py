"""Calibration: whether answers given with p% are right in p% of cases, and what brings them nearer to it.

Pure functions of probabilities and labels. A temperature is fitted on pictures that were
held out, never on those that the calibration is then reported for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
"""(N, classes), rows summing to 1."""

Labels = NDArray[np.int64]
"""(N,) class indices."""

BINS = 15
"""Of equal width, as in Guo et al. 2017."""

SMALLEST = 1e-12
"""Below which a probability counts as this much: the logarithm of nothing is none."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in one stretch. Shares are 0 to 1; of an empty bin, 0."""

    low: float
    high: float
    """Its ends; an answer belongs to the bin where low < confidence <= high."""

    answers: int
    confidence: float
    """Mean over the answers."""

    accuracy: float
    """Share of the answers that are right."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What comes of answering only when sure."""

    confidence: float
    """The least that counts as sure."""

    answered: float
    """Share of the pictures that get an answer."""

    accuracy: float | None
    """Share of the answers that are right; None where nothing is answered."""

    answers: int


def reliability(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> tuple[Bin, ...]:
    """Confidence against accuracy, bin by bin.

    Args:
        probabilities: (N, classes).
        labels: (N,).
        bins: how many, of equal width from 0 to 1.
    """
    confidence, right = _confidence(probabilities, labels)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = []
    for index in range(bins):
        inside = place == index
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (0.0, 0.0)
        found.append(Bin(float(edges[index]), float(edges[index + 1]), count, *means))
    return tuple(found)


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Expected calibration error (ECE): how far confidence lies from accuracy, over bins weighted by answers.

    Source: Naeini et al. 2015; with 15 bins of equal width as in Guo et al. 2017, arXiv:1706.04599.
    """
    found = reliability(probabilities, labels, bins)
    return sum(one.answers * abs(one.confidence - one.accuracy) for one in found) / len(labels)


def tempered(probabilities: Probabilities, temperature: float) -> NDArray[np.float64]:
    """Probabilities as a softmax of that temperature would have given them.

    Args:
        probabilities: (N, classes), of temperature 1.
        temperature: above 1 less sure, below 1 surer; the order of the classes stays.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) / temperature
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """The temperature at which the truth is likeliest, between 1/20 and 20.

    Args:
        probabilities: (N, classes), of pictures that were not trained on.
        labels: (N,).

    Few pictures that are all answered rightly would make it as small as can be. So each label is doubted a
    little, by 1 / (N + 2), as Platt did (1999, Advances in Large Margin Classifiers).

    Source: Guo et al. 2017, arXiv:1706.04599. The loss is convex in 1 / temperature, so there is one minimum
    to find, also on the scale of logarithms.
    """
    from scipy.optimize import minimize_scalar

    count, classes = probabilities.shape
    doubt = 1 / (count + 2)
    targets = np.full((count, classes), doubt / max(1, classes - 1))
    targets[np.arange(count), labels] = 1 - doubt

    def loss(log_temperature: float) -> float:
        found = tempered(probabilities, float(np.exp(log_temperature)))
        return float(-(targets * np.log(np.maximum(found, SMALLEST))).sum(1).mean())

    limit = float(np.log(20))
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def thresholds(probabilities: Probabilities, labels: Labels, steps: int = 100) -> tuple[Threshold, ...]:
    """Share answered and share right, were only answers given that are at least so sure.

    Args:
        probabilities: (N, classes).
        labels: (N,).
        steps: thresholds from 0 to 1 are this many and one.
    """
    confidence, right = _confidence(probabilities, labels)
    found = []
    for step in range(steps + 1):
        sure = confidence >= step / steps
        count = int(sure.sum())
        accuracy = float(right[sure].mean()) if count else None
        found.append(Threshold(step / steps, count / len(labels), accuracy, count))
    return tuple(found)


def _confidence(
    probabilities: Probabilities, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each answer: how sure it is, and whether it is right."""
    return probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
