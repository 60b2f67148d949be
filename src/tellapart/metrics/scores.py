"""Scores: how good a classifier is on labeled images, and how certain that number is."""

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.validation import loss_and_accuracy, share
from tellapart.pages.card import Block, Card, Facts, Readable, Table
from tellapart.text import percent, short_name

UNEQUAL = 10
"""Times as many images as the rarest class has, from which the commonest makes accuracy say little."""


MOST_CONFUSED = 12
"""Classes up to which a card shows the confusion matrix."""


@dataclass(frozen=True, slots=True)
class ClassScore(Readable):
    """Scores of one class, 0 to 1; None where there is nothing to divide by."""

    name: str
    precision: float | None
    """Of the images predicted as this class, the share that belong to it; None without such predictions."""

    recall: float | None
    """Of the images of this class, the share predicted as it; None without such images."""

    f1: float | None
    """Harmonic mean of precision and recall; None without such images and such predictions."""

    pictures: int
    """Images of this class."""

    def _parts(self) -> list[str]:
        return [
            f"{short_name(self.name)} recall {percent(self.recall)}",
            f"precision {percent(self.precision)}",
            f"F1 {percent(self.f1)}",
            f"n = {self.pictures:,}",
        ]


@dataclass(frozen=True, slots=True)
class Scores(Readable):
    """Scores of a classifier on one split."""

    split: str
    pictures: int
    """How many."""

    loss: float
    """Mean cross-entropy of an image, in nats."""

    accuracy: float
    """Share of the images whose likeliest class is the true one, 0 to 1."""

    interval: tuple[float, float]
    """95% confidence interval of the accuracy (Wilson): low and high, 0 to 1."""

    naive_accuracy: float
    """Accuracy of always predicting the most frequent class."""

    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Confusion matrix: a row for each true class, a column for each predicted class."""

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have images: what guessing by frequency cannot raise."""
        recalls = [row.recall for row in self.classes if row.recall is not None]
        return sum(recalls) / len(recalls)

    @property
    def macro_precision(self) -> float:
        """Mean precision of the classes that have images or predictions; 0 for one without predictions."""
        return self._macro("precision")

    @property
    def macro_recall(self) -> float:
        """Mean recall of the classes that have images or predictions; 0 for one without images.

        Where every class has images, it is the balanced accuracy.
        """
        return self._macro("recall")

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have images or predictions."""
        return self._macro("f1")

    def _macro(self, name: str) -> float:
        """Return a mean over classes, each counting the same: scikit-learn's average="macro", zero_division=0."""
        values = [getattr(row, name) or 0.0 for row in self.classes if row.f1 is not None]
        return sum(values) / len(values)

    @property
    def is_unequal(self) -> bool:
        """Whether the commonest class has so many more images than the rarest that accuracy says little."""
        counts = [row.pictures for row in self.classes if row.pictures]
        return max(counts) >= UNEQUAL * min(counts)

    @property
    def in_words(self) -> str:
        """The accuracy with its interval and n."""
        low, high = map(percent, self.interval)
        return f"accuracy {percent(self.accuracy)} (95% interval {low} to {high}, n = {self.pictures:,})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        names = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")
        return {**asdict(self), **{name: getattr(self, name) for name in names}}

    def card_blocks(self) -> list[Block]:
        """Return the figures, each class, and of few classes the confusion matrix, for a card."""
        figures = Facts(
            [
                ("loss", round(self.loss, 4)),
                ("always the commonest class", percent(self.naive_accuracy)),
                ("balanced accuracy", percent(self.balanced_accuracy) if self.is_unequal else None),
            ]
        )
        rows = [
            (row.name, *map(percent, (row.precision, row.recall, row.f1)), row.pictures)
            for row in self.classes
        ]
        by_class = Table(("class", "precision", "recall", "F1", "n"), rows, "Each class")
        if len(self.classes) > MOST_CONFUSED:
            return [figures, by_class]
        names = [row.name for row in self.classes]
        matrix = [(name, *counts) for name, counts in zip(names, self.confusion, strict=True)]
        return [figures, by_class, Table(("true \\ predicted", *names), matrix, "Confusion matrix")]

    def _parts(self) -> list[str]:
        return [self.in_words, f"{self.split} split", f"{len(self.classes)} classes", f"loss {self.loss:.4f}"]

    def _card(self) -> Card:
        return Card("Scores", f"{self.in_words} on the {self.split} split", self.card_blocks())


class McNemar(NamedTuple):
    """Two classifiers held against each other on the images where just one of them is right."""

    only_first: int
    """Images that the first classifies correctly and the second does not."""

    only_second: int
    p_value: float
    """Of the exact test, two-sided: the probability of a split at least this uneven if both were equally good."""


def mcnemar(correct: NDArray[np.bool_], correct_too: NDArray[np.bool_]) -> McNemar:
    """Compare which of the same images two classifiers get right: (N,) each.

    Source: McNemar 1947; exact by the binomial distribution.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((correct & ~correct_too).sum()), int((correct_too & ~correct).sum())
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
    return McNemar(only_first, only_second, p_value)


def wilson_interval(correct: int, images: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the confidence interval of a share, 95% by default, within 0 and 1.

    Source: Wilson 1927.
    """
    if images == 0:
        return 0.0, 1.0
    accuracy, weight = correct / images, z * z / images
    middle = (accuracy + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(accuracy * (1 - accuracy) / images + weight / (4 * images))
    low, high = middle - half, middle + half
    return 0.0 if correct == 0 else max(0.0, low), 1.0 if correct == images else min(1.0, high)


def score(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    split: str,
) -> Scores:
    """Score probabilities against labels.

    Args:
        probabilities: (N, classes).
        labels: (N,) class indices.
        class_names: in the order of the columns.
        split: the name of the images' split.
    """
    loss, accuracy = loss_and_accuracy(probabilities, labels)
    count = len(class_names)
    cells = labels * count + probabilities.argmax(1)
    confusion = np.bincount(cells, minlength=count * count).reshape(count, count)
    hits, predicted, present = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
    classes = tuple(
        ClassScore(
            name=name,
            precision=share(hits[index], predicted[index]),
            recall=share(hits[index], present[index]),
            f1=share(2 * hits[index], predicted[index] + present[index]),
            pictures=int(present[index]),
        )
        for index, name in enumerate(class_names)
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
