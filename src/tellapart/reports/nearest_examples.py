"""Nearest examples: the training images whose features are most similar to those of a test image."""

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
"""Training images shown beside each test image."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A training image beside a test image."""

    row: int
    """Row of the training split."""

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
    train_features: NDArray[np.float32] | None = None,
) -> list[list[dict[str, Any]]]:
    """Return the nearest training images of each image, the nearest first, as plain values.

    Args:
        classifier: its network computes the features.
        images: (N, H, W, C) uint8.
        train: the images to search.
        precision: "float32" or "bfloat16", of the features.
        progress: called with (training images done, training images in all).
        train_features: (N, D) of `train`, where they are known.

    Raises:
        ModelError: the network has no features.
    """
    if not len(images):
        return []
    image_features = features(classifier, images, precision=precision)
    if train_features is None:
        train_features = features(classifier, train.images, progress, precision)
    rows, similarities = nearest(train_features, image_features, NEAREST)
    return [
        [
            asdict(Neighbor(int(row), train.ids[row], int(train.labels[row]), float(similarity)))
            for row, similarity in zip(image_rows, image_similarities, strict=True)
        ]
        for image_rows, image_similarities in zip(rows, similarities, strict=True)
    ]
