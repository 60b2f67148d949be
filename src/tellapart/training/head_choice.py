"""Choose a head's penalty: by cross-validation, or on images held out, by the loss.

Accuracy has too few steps where images are few. Every image counts with all its views, and all views of an image
are on the same side of a fold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import are_several
from tellapart.data.stratification import dealt_evenly
from tellapart.inference.tta import averaged
from tellapart.metrics.validation import loss_and_accuracy
from tellapart.runtime.workers import workers
from tellapart.training.linear_head import HeadFitter, LinearHead

MOST_FOR_CHOOSING = 20_000
"""Training images that a penalty is chosen with; the head is fitted to all."""

RISES_TO_STOP = 2
"""Weaker penalties without a lower loss after which no further one is tried."""


ClassWeight = NDArray[np.float32] | None
"""(classes,), what each image of a class counts; None: 1."""


class Views(NamedTuple):
    """Features of the same images, once for each view: each (N, features); and their labels (N,)."""

    features: Sequence[NDArray[np.float32]]
    """The first of the images as they are."""

    labels: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> "Views":
        """Return only these images."""
        return Views([view[rows] for view in self.features], self.labels[rows])


class Predicted(NamedTuple):
    """Probabilities of images, (N, classes) each."""

    plain: NDArray[np.float32]
    """Of the images as they are."""

    averaged: NDArray[np.float32]
    """Over their views."""


@dataclass(frozen=True, slots=True)
class PenaltyScore:
    """How a head with this penalty does on images that it was not fitted to."""

    penalty: float
    loss: float
    """Mean cross-entropy; with class weights, weighted by them."""

    accuracy: float
    """Of several labels a picture, the mean average precision."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadChoice:
    """The chosen head, and what it was chosen by."""

    head: LinearHead
    """Fitted to all training images."""

    path: tuple[PenaltyScore, ...]
    """Every penalty, from the strongest on."""

    best: int
    """Index of the chosen one."""

    predicted: Predicted
    """For the images that the penalty was chosen on, by heads that were not fitted to them."""


def folds_of(labels: NDArray[Any], count: int, seed: int) -> NDArray[np.int64]:
    """Deal the images of each class to folds at random: (N,) labels -> (N,) fold numbers.

    Args:
        labels: (N,), each class at least twice, so that no fold holds a whole class; or (N, classes) of 0 and 1, where
            an image may have several.
        count: of folds, at least 2.
        seed: of the deal.
    """
    random = np.random.default_rng(seed)
    if are_several(labels):
        return dealt_evenly(labels, [1 / count] * count, random.permutation(len(labels)))
    folds = np.empty(len(labels), np.int64)
    begin = 0
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        folds[random.permutation(rows)] = (begin + np.arange(len(rows))) % count
        begin += len(rows)
    return folds


def choose_by_folds(
    train: Views,
    classes: int,
    penalties: Sequence[float],
    folds: NDArray[np.int64],
    class_weight: ClassWeight = None,
) -> HeadChoice:
    """Choose a penalty by cross-validation, and fit the head to all images.

    Args:
        train: features of the training images.
        classes: how many there are.
        penalties: from the strongest on.
        folds: (N,) each image's fold.
        class_weight: (classes,), what each image of a class counts, in the fits and in the choice; None: 1.
    """
    fitter = _fitter(train, classes, class_weight)
    outside = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    paths = [fitter.fit(penalties, _rows_of_views(train, folds != fold)) for fold in np.unique(folds)]
    held_out = [train.take(rows) for rows in outside]
    order = np.argsort(np.concatenate(outside))

    def predict() -> Predicted:
        tasks = zip(paths, held_out, strict=True)
        parts = workers().map(lambda task: _predict(next(task[0]), task[1]), tasks)
        return Predicted(*(np.concatenate(each)[order] for each in zip(*parts, strict=True)))

    return _chosen(fitter, train.labels, penalties, predict)


def choose_on_held_out(
    train: Views,
    held_out: Views,
    classes: int,
    penalties: Sequence[float],
    seed: int,
    class_weight: ClassWeight = None,
) -> HeadChoice:
    """Choose a penalty on held-out images, and fit the head to all training images.

    Args:
        train: features of the training images.
        held_out: of images that are not trained on.
        classes: how many there are.
        penalties: from the strongest on.
        seed: which training images choose, where there are more than MOST_FOR_CHOOSING.
        class_weight: as in `choose_by_folds`.
    """
    fitter = _fitter(train, classes, class_weight)
    chosen = np.zeros(len(train.labels), bool)
    chosen[np.random.default_rng(seed).permutation(len(chosen))[:MOST_FOR_CHOOSING]] = True
    path = fitter.fit(penalties, None if chosen.all() else _rows_of_views(train, chosen))
    return _chosen(fitter, held_out.labels, penalties, lambda: _predict(next(path), held_out))


def _fitter(train: Views, classes: int, class_weight: ClassWeight) -> HeadFitter:
    labels = np.concatenate([train.labels] * len(train.features))
    return HeadFitter(np.concatenate(train.features), labels, classes, class_weight)


def _rows_of_views(train: Views, images: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows of these images among all views, which stand one below the other."""
    return np.flatnonzero(np.tile(images, len(train.features)))


def _predict(head: LinearHead, images: Views) -> Predicted:
    """Predict the images as they are, and averaged over their views."""
    views = [head.probabilities(features) for features in images.features]
    return Predicted(views[0], averaged(views, multi_label=head.multi_label))


def _chosen(
    fitter: HeadFitter,
    labels: NDArray[Any],
    penalties: Sequence[float],
    predict: Callable[[], Predicted],
) -> HeadChoice:
    """Try the penalties in their order, until the loss has risen twice; fit the best to all training images."""
    path: list[PenaltyScore] = []
    weights = None if fitter.class_weight is None else fitter.class_weight.numpy()[labels]
    best, predicted = 0, None
    for index, penalty in enumerate(penalties):
        candidate = predict()
        loss, _ = loss_and_accuracy(candidate.plain, labels, weights)
        _, accuracy = loss_and_accuracy(candidate.plain, labels)
        path.append(PenaltyScore(penalty, loss, accuracy))
        if predicted is None or loss < path[best].loss:
            best, predicted = index, candidate
        if index - best == RISES_TO_STOP:
            break
    assert predicted is not None
    head = next(fitter.fit(penalties[best : best + 1]))
    return HeadChoice(head, tuple(path), best, predicted)
