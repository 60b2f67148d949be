"""Scores: how good a classifier is on labeled pictures, and how sure one can be of that number."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.validation import loss_and_accuracy


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class. Shares are 0 to 1; a share of nothing is 0."""

    name: str
    precision: float
    """Of the pictures answered so, the share that is so."""

    recall: float
    """Of the pictures that are so, the share answered so."""

    f1: float
    pictures: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a classifier on one split."""

    split: str
    pictures: int
    loss: float
    accuracy: float
    interval: tuple[float, float]
    """95% confidence interval of the accuracy (Wilson), were more such pictures to come."""

    naive_accuracy: float
    """What always answering the most frequent class gets."""

    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Row: true class; column: answer."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        from dataclasses import asdict

        return asdict(self)


def wilson_interval(right: int, pictures: int, z: float = 1.959964) -> tuple[float, float]:
    """Confidence interval of a share, 95% by default, that stays within 0 and 1. Source: Wilson 1927."""
    if pictures == 0:
        return 0.0, 1.0
    share, weight = right / pictures, z * z / pictures
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / pictures + weight / (4 * pictures))
    low, high = middle - half, middle + half
    return 0.0 if right == 0 else max(0.0, low), 1.0 if right == pictures else min(1.0, high)


def score(
    answers: NDArray[np.float32], labels: NDArray[np.int64], class_names: tuple[str, ...], split: str
) -> Scores:
    """Score probabilities against the truth.

    Args:
        answers: (N, classes) probabilities.
        labels: (N,) class indices.
        class_names: of the classes, in order.
        split: what to call these pictures.
    """
    loss, accuracy = loss_and_accuracy(answers, labels)
    count = len(class_names)
    confusion = np.bincount(labels * count + answers.argmax(1), minlength=count * count).reshape(count, count)
    hits, answered, present = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
    precision, recall = hits / np.maximum(answered, 1), hits / np.maximum(present, 1)
    f1 = 2 * hits / np.maximum(answered + present, 1)
    classes = tuple(
        ClassScore(name, float(p), float(r), float(f), int(n))
        for name, p, r, f, n in zip(class_names, precision, recall, f1, present, strict=True)
    )
    return Scores(
        split=split,
        pictures=len(labels),
        loss=loss,
        accuracy=accuracy,
        interval=wilson_interval(int(hits.sum()), len(labels)),
        naive_accuracy=float(present.max() / len(labels)),
        classes=classes,
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )
