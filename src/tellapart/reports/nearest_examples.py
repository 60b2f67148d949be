"""Alike: the training pictures that are nearest to a picture, as the network sees both."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.data.store import ImageStore
from tellapart.events import Progress
from tellapart.explanations.examples.features import features
from tellapart.explanations.examples.nearest import nearest

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A training picture beside a test picture."""

    row: int
    """Of the training split."""

    id: str
    label: int
    similarity: float
    """Cosine of the angle between their features, -1 to 1."""


def neighbors(
    classifier: Classifier,
    images: NDArray[np.uint8],
    train: ImageStore,
    precision: str,
    progress: Progress | None = None,
) -> list[list[dict[str, Any]]]:
    """Of each picture, the nearest training pictures, the nearest first, as plain values.

    Args:
        classifier: whose features decide.
        images: (N, H, W, C) uint8.
        train: to look among.
        precision: "float32" or "bfloat16", of the features.
        progress: called with (training pictures done, in all).

    Raises:
        ModelError: the network has no features.
    """
    if not len(images):
        return []
    wanted = features(classifier, images, precision=precision)
    known = features(classifier, train.images, progress, precision)
    found = zip(*nearest(known, wanted, NEAREST), strict=True)
    return [
        [
            asdict(Neighbor(int(row), train.ids[row], int(train.labels[row]), float(similarity)))
            for row, similarity in zip(rows, similarities, strict=True)
        ]
        for rows, similarities in found
    ]
