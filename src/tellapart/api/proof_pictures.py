"""The pictures on which an export is proven, and from which int8 learns its ranges."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.api.chosen_images import choose_images, saved_settings
from tellapart.api.given import given_pictures
from tellapart.api.listener import Listener
from tellapart.classifier.classifier import Classifier
from tellapart.data.fitted import fitted
from tellapart.data.multi_label import are_several
from tellapart.data.store import load_split
from tellapart.errors import ConfigError, DataError, PictureError

CALIBRATION = 256
"""Training pictures from which int8 learns its ranges."""


ALSO_CALIBRATED = "some of them also used for calibration"


class ProofPictures(NamedTuple):
    """Pictures for a proof."""

    images: NDArray[np.uint8]
    labels: NDArray[Any] | None
    source: str


def has_own_pictures(model: Classifier | str | Path) -> bool:
    """Return whether a model is a run folder whose data can be opened again."""
    return "argument" in saved_settings(model)


def proof_pictures(
    model: Classifier | str | Path,
    classifier: Classifier,
    data: Any,
    labels: Any,
    pictures: Any,
    count: int,
    listener: Listener,
) -> ProofPictures:
    """Return the pictures of the proof.

    Raises:
        ConfigError: there are none, or both kinds were given.
        DataError: they cannot be used.
    """
    if pictures is not None:
        if data is not None or labels is not None:
            raise ConfigError("Give pictures with labels (data) or without (pictures), not both.")
        return _unlabeled(classifier, pictures, count)
    if data is None and not has_own_pictures(model):
        raise ConfigError(
            "An export is proven on pictures, and this model has none of its own. Name some: labeled ones as for "
            "evaluate (DATA), or any photos (--pictures FOLDER)."
        )
    choice = choose_images(model, classifier.card, data, labels, None, listener)
    split = choice.dataset.part(choice.split)
    rows = _evenly(len(split), count)
    named = classifier.named_by(choice.dataset)
    store = load_split(split.take(rows), classifier.card.preprocessing, progress=listener.decoding)
    targets = _targets(store.labels, choice.dataset.class_names, named.class_names)
    source = f"{choice.dataset.name}, {choice.name} split" if choice.name != "all" else choice.dataset.name
    return ProofPictures(np.asarray(store.images[:]), targets, source)


def _targets(labels: NDArray[Any], names: tuple[str, ...], own_names: tuple[str, ...]) -> NDArray[Any] | None:
    """Return labels in the model's order of classes; None where it does not have all of the classes."""
    if names == own_names:
        return labels
    if are_several(labels):
        same = sorted(names) == sorted(own_names)
        return labels[:, [names.index(name) for name in own_names]] if same else None
    if not set(names) <= set(own_names):
        return None
    return np.array([own_names.index(name) for name in names], np.int64)[labels]


def _unlabeled(classifier: Classifier, pictures: Any, count: int) -> ProofPictures:
    given = given_pictures(pictures).pictures
    images = []
    for row in _evenly(len(given), count):
        try:
            images.append(fitted(given[row], classifier.card.preprocessing, int(row)).pixels)
        except PictureError:
            continue
    if not images:
        raise DataError("None of the pictures for the proof can be read. Name others.")
    return ProofPictures(np.stack(images), None, "pictures that were given")


def _evenly(total: int, count: int) -> NDArray[np.int64]:
    """Return at most `count` of the rows 0 to total - 1, in equal distances."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))


def calibration_pictures(
    model: Classifier | str | Path, classifier: Classifier, pictures: ProofPictures, listener: Listener
) -> NDArray[np.uint8]:
    """Return training pictures of the run; where there are none, those of the proof."""
    if not has_own_pictures(model):
        return pictures.images[_evenly(len(pictures.images), CALIBRATION)]
    choice = choose_images(model, classifier.card, None, None, "train", listener)
    split = choice.dataset.part("train")
    rows = split.take(_evenly(len(split), CALIBRATION))
    return np.asarray(load_split(rows, classifier.card.preprocessing, progress=listener.decoding).images[:])
