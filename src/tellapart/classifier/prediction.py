"""Predictions: what a classifier says of single images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.card import NoveltyLimit
from tellapart.classifier.groups import Group
from tellapart.data import multi_label
from tellapart.pages.card import Bars, Card, Facts, Readable, Words
from tellapart.text import percent, short_name

MOST_BARS = 5
"""Classes that a card shows."""

UNFAMILIAR = "Unlike the training pictures: it probably shows none of the model's classes."


@dataclass(frozen=True, slots=True)
class Prediction(Readable):
    """A classifier's prediction for one image."""

    picture: str
    """Its path, or its id in a data set."""

    names: tuple[str, ...]
    """Class names, the likeliest first."""

    probabilities: tuple[float, ...]
    """Of those classes, 0 to 1, averaged over the model's views of the picture, and not calibrated. Over all classes of
    the model they sum to 1, unless a picture may have several labels."""

    group: Group | None = None
    """The everyday thing, such as dog, that is likelier than any other group and any class that is in none; None
    where such a class is likelier, and for models without groups."""

    familiar: bool | None = None
    """Whether the picture is like the model's training pictures; False: it probably shows none of the classes. None:
    the model cannot tell."""

    novelty: float | None = None
    """How unlike them it is, by the score that the model card names; None: the model has none."""

    labels: tuple[str, ...] | None = None
    """Of a model of several labels a picture, those whose probability reaches their threshold, the likeliest first;
    often several, or none. None for other models."""

    note: str = ""
    """What was assumed to read the picture, where its file does not define its levels."""

    @property
    def best(self) -> str:
        """The likeliest class; of several labels, those that the picture is given, with commas.

        For a model of many kinds of one thing (118 of dogs), `thing` may tell more.
        """
        return self.names[0] if self.labels is None else multi_label.in_words(self.labels)

    @property
    def thing(self) -> str:
        """The everyday thing that it shows, such as dog; the likeliest class where that is likelier."""
        return self.best if self.group is None else self.group.name

    @property
    def in_words(self) -> str:
        """The likeliest class with its probability, after the everyday thing that it is a kind of."""
        if self.labels is not None:
            shares = dict(zip(self.names, self.probabilities, strict=True))
            given = [f"{short_name(name)} {percent(shares[name])}" for name in self.labels if name in shares]
            return multi_label.in_words(given)
        best = f"{short_name(self.best)} {percent(self.probabilities[0])}"
        if self.group is None:
            return best
        kind = f"{short_name(self.group.class_name)} {percent(self.group.class_probability)}"
        return f"{short_name(self.group.name)} {percent(self.group.probability)} ({kind})"

    def likeliest(self, top: int | None) -> "Prediction":
        """Return it with so many of the likeliest classes; None: with all that it has."""
        names = self.names[:top]
        labels = None if self.labels is None else _in_order(set(self.labels), names)
        return replace(self, names=names, probabilities=self.probabilities[:top], labels=labels)

    def _parts(self) -> list[str]:
        unfamiliar = ["unlike the training pictures"] if self.familiar is False else []
        shares = list(zip(self.names, self.probabilities, strict=True))
        given = self.labels if self.labels is not None else self.names[:1]
        others = [(name, share) for name, share in shares if name not in given][:2]
        return [
            self.in_words,
            *unfamiliar,
            *(f"{short_name(name)} {percent(probability)}" for name, probability in others),
            short_name(self.picture),
        ]

    def _card(self) -> Card:
        bars = list(zip(self.names[:MOST_BARS], self.probabilities[:MOST_BARS], strict=True))
        doubt = [Words(UNFAMILIAR)] if self.familiar is False else []
        facts = Facts([("picture", self.picture), ("note", self.note), ("novelty", self.novelty)])
        return Card("Prediction", self.in_words, [*doubt, Bars(bars), facts])


def ranked(
    probabilities: NDArray[np.float32],
    pictures: Iterable[str],
    class_names: tuple[str, ...],
    top: int | None,
    groups: Sequence[Group | None] | None = None,
) -> list[Prediction]:
    """Return probabilities (N, classes) as predictions, the likeliest class first; ties in class order."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    groups = groups or [None] * len(probabilities)
    return [
        Prediction(picture, tuple(class_names[i] for i in row), tuple(float(values[i]) for i in row), group)
        for picture, row, values, group in zip(pictures, order, probabilities, groups, strict=True)
    ]


def with_novelty(
    predictions: list[Prediction], limit: NoveltyLimit | None, scores: NDArray[np.float64] | None
) -> list[Prediction]:
    """Return the predictions with their novelty scores (N,), judged by a limit; unchanged where there is none."""
    if limit is None or scores is None:
        return predictions
    return [
        replace(prediction, familiar=limit.is_familiar(score), novelty=score)
        for prediction, score in zip(predictions, scores.tolist(), strict=True)
    ]


def with_labels(
    predictions: list[Prediction], given: NDArray[np.bool_], class_names: tuple[str, ...]
) -> list[Prediction]:
    """Return the predictions with the labels that their pictures are given.

    Args:
        predictions: of N pictures.
        given: (N, classes).
        class_names: in the order of the columns.
    """
    labels = [{class_names[index] for index in np.flatnonzero(row)} for row in given]
    return [
        replace(prediction, labels=_in_order(of_picture, prediction.names))
        for prediction, of_picture in zip(predictions, labels, strict=True)
    ]


def _in_order(labels: set[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return labels in the order of the likeliest names, those that are not among them last."""
    named = tuple(name for name in names if name in labels)
    return (*named, *sorted(labels - set(named)))


def with_notes(predictions: list[Prediction], notes: Sequence[str]) -> list[Prediction]:
    """Return the predictions with what was assumed to read each picture."""
    return [replace(prediction, note=note) for prediction, note in zip(predictions, notes, strict=True)]
