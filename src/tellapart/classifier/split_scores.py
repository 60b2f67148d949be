"""Scores of a model on one split of a data set, whatever that calls its classes.

They are the model's own classes by name; or groups of these, such as dog, and then only those are compared. What the
outputs of a model without names stand for is decided before (`plain.by_data`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.card import ModelCard
from tellapart.classifier.groups import among
from tellapart.errors import DataError
from tellapart.inference.tta import TtaProbabilities
from tellapart.metrics.scores import Scores, score


class SplitScores(NamedTuple):
    """Scores of a classifier on one split."""

    averaged: Scores
    """With the model's test-time augmentation."""

    plain: Scores
    """Without it; the same object where the model has a single view."""

    unfamiliar: int | None
    """Images that are unlike the training images; None: the model cannot tell."""


def split_scores(
    card: ModelCard,
    predictions: TtaProbabilities,
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    split: str,
) -> SplitScores:
    """Score predictions, and count unfamiliar images.

    Args:
        card: of the model that predicted, with class names.
        predictions: of N images.
        labels: (N,) indices of `class_names`.
        class_names: the data's.
        split: its name.

    Raises:
        DataError: the images have classes that the model does not know.
    """
    averaged, plain = predictions.averaged, predictions.plain
    if names_things(card, class_names):
        averaged, plain = (
            among(each, card.class_names, card.groups, class_names) for each in (averaged, plain)
        )
    else:
        labels, class_names = _own_labels(card.class_names, labels, class_names), card.class_names
    scores = score(averaged, labels, class_names, split)
    plain_scores = scores if card.tta_views == 1 else score(plain, labels, class_names, split)
    limit, novelty = card.novelty, predictions.novelty
    unfamiliar = None if limit is None or novelty is None else limit.count_unfamiliar(novelty)
    return SplitScores(scores, plain_scores, unfamiliar)


def names_things(card: ModelCard, class_names: tuple[str, ...]) -> bool:
    """Return whether `class_names` are groups of a model's classes, such as cat and dog, and classes of none.

    Only those are then compared, as if the model knew no others.
    """
    groups, classes = card.groups, set(card.class_names)
    things = set(groups.values()) | (classes - set(groups))
    return not classes.issuperset(class_names) and things.issuperset(class_names)


def _own_labels(
    own_names: tuple[str, ...], labels: NDArray[np.int64], class_names: tuple[str, ...]
) -> NDArray[np.int64]:
    """Return the labels as indices of the model's own names."""
    if class_names == own_names:
        return labels
    present = {class_names[label] for label in np.unique(labels)}
    unknown = sorted(present - set(own_names))
    if unknown:
        raise DataError(
            f"The data has classes that the model does not know: {_some(unknown)}. "
            f"The model's classes: {_some(own_names)}. Rename the data's classes to the model's, "
            "or train a model on this data."
        )
    own = {name: index for index, name in enumerate(own_names)}
    return np.array([own.get(name, -1) for name in class_names], np.int64)[labels]


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
