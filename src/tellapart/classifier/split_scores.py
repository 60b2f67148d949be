"""Scores of a model on one split of a data set, whatever that calls its classes.

They are the model's own classes by name; or groups of these, such as dog, and then only those are compared. What the
outputs of a model without names stand for is decided before (`plain.by_data`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.card import ModelCard
from tellapart.classifier.groups import among
from tellapart.data.multi_label import are_several
from tellapart.errors import DataError
from tellapart.inference.tta import TtaProbabilities
from tellapart.metrics.label_scores import LabelScores, score_labels
from tellapart.metrics.scores import Scores, score


class SplitScores(NamedTuple):
    """Scores of a classifier on one split."""

    averaged: Scores | LabelScores
    """With the model's test-time augmentation."""

    plain: Scores | LabelScores
    """Without it; the same object where the model has a single view."""

    unfamiliar: int | None
    """Images that are unlike the training images; None: the model cannot tell."""


def split_scores(
    card: ModelCard,
    predictions: TtaProbabilities,
    labels: NDArray[Any],
    class_names: tuple[str, ...],
    split: str,
) -> SplitScores:
    """Score predictions, and count unfamiliar images.

    Args:
        card: of the model that predicted, with class names.
        predictions: of N images.
        labels: (N,) indices of `class_names`; or (N, classes) of 0 and 1, where a picture may have several.
        class_names: the data's.
        split: its name.

    Raises:
        DataError: the images have classes that the model does not know, or several labels each where it gives one.
    """
    if card.multi_label or are_several(labels):
        return _scores_of_labels(card, predictions, labels, class_names, split)
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


def _scores_of_labels(
    card: ModelCard,
    predictions: TtaProbabilities,
    labels: NDArray[Any],
    class_names: tuple[str, ...],
    split: str,
) -> SplitScores:
    if not card.multi_label:
        raise DataError(
            "The data has several labels a picture, and the model gives each picture one class. Train a model on "
            "such data "
            "with --multi-label, or leave --multi-label out."
        )
    targets = _own_targets(card.class_names, labels, class_names)

    def scores_of(probabilities: NDArray[np.float32]) -> LabelScores:
        return score_labels(probabilities, targets, card.class_names, card.thresholds, split)

    scores = scores_of(predictions.averaged)
    return SplitScores(scores, scores if card.tta_views == 1 else scores_of(predictions.plain), None)


def _own_targets(
    own_names: tuple[str, ...], labels: NDArray[Any], class_names: tuple[str, ...]
) -> NDArray[np.float32]:
    """Return the targets of several labels in the order of the model's own names."""
    if class_names == own_names:
        return labels
    _refuse_unknown({class_names[label] for label in np.flatnonzero(labels.sum(0))}, own_names)
    targets = np.zeros((len(labels), len(own_names)), np.float32)
    for column, name in enumerate(class_names):
        if name in own_names:
            targets[:, own_names.index(name)] = labels[:, column]
    return targets


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
    _refuse_unknown({class_names[label] for label in np.unique(labels)}, own_names)
    own = {name: index for index, name in enumerate(own_names)}
    return np.array([own.get(name, -1) for name in class_names], np.int64)[labels]


def _refuse_unknown(present: set[str], own_names: tuple[str, ...]) -> None:
    unknown = sorted(present - set(own_names))
    if unknown:
        raise DataError(
            f"The data has classes that the model does not know: {_some(unknown)}. "
            f"The model's classes: {_some(own_names)}. Rename the data's classes to the model's, "
            "or train a model on this data."
        )


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
