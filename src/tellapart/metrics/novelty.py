"""Novelty: how unlike a network's training images an image is (out-of-distribution detection).

A classifier always names one of its classes, also for an image of none of them. Its features tell more: those of
unfamiliar images lie far from the features of every class. A score is higher the less familiar the image is, and a
limit on it is chosen so that few familiar images lie above.

Pure functions of features, logits and labels. Knows nothing of networks, files and words.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.pages.card import Readable

Features = NDArray[np.floating]
"""(N, features), one row an image: the inputs of the network's last dense layer."""

FAMILIAR = 0.98
"""Share of new familiar images that a limit lets pass, where there are enough to learn it from."""

FEWEST_SCORES = 19
"""Scores of familiar images from which there is a limit; with fewer, even their largest refuses more than 1 in 20."""

RANK = 32
"""Directions in which the spread of the features is kept. Measured with 200 photos: 8 are a little worse, 49 are not
better (`benchmarks/none_of_these.py`)."""

IMAGES_PER_DIRECTION = 4
"""Images needed for each direction: the spread along more directions would be learned from chance."""

SMALLEST_VARIANCE = 1e-6
"""Of features of length 1, along one direction; reached where all images are the same."""

ITERATIONS, FURTHER = 4, 8
"""Of the search for the directions of largest spread, and the directions searched beyond those wanted."""

MOST_SPREAD = 20_000
"""Images that the spread is learned from at most."""

MOST_SCORED = 2_000
"""Images that a limit is learned from at most; the share that it lets pass is then known to 0.3 points."""

PARTS, ONE_BY_ONE, ONE_PART = 10, 60, 5_000
"""Images are scored by references that were fitted without them: one by one up to ONE_BY_ONE images, else in PARTS;
from ONE_PART images on, those scored are simply held out."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReference(Readable):
    """Where the training images lie among all features: each class's mean, and the spread that all classes share.

    Features are divided by their length first. The covariance is kept as its largest directions and one variance for
    all others, so a reference is small: half a million numbers for 400 classes.

    Sources: Lee et al. 2018, arXiv:1807.03888 (distances to class means under a shared covariance); Mueller and Hein
    2025, arXiv:2505.18032 (features of length 1); Tipping and Bishop 1999 (the form of the covariance).
    """

    means: NDArray[np.float16]
    """(classes, features)."""

    directions: NDArray[np.float16]
    """(rank, features), orthonormal."""

    variances: NDArray[np.float32]
    """(rank + 1,): along each direction, and along every other one."""

    def score(self, features: Features) -> NDArray[np.float64]:
        """Return each image's distance to the nearest class, in standard deviations; a training image has about 1.

        Args:
            features: (N, features).

        Returns:
            (N,).
        """
        points, means = _of_length_one(features), self.means.astype(np.float64)
        directions, variances = self.directions.astype(np.float64), self.variances.astype(np.float64)
        # along the directions the same distance counts for less
        saved = 1 / variances[-1] - 1 / variances[:-1]
        along = _squared_distances(
            _products(points, directions) * np.sqrt(saved), _products(means, directions) * np.sqrt(saved)
        )
        squared = (_squared_distances(points, means) / variances[-1] - along).min(1)  # (N,)
        return np.sqrt(np.maximum(squared, 0) / means.shape[1])

    def to_arrays(self) -> dict[str, NDArray[np.floating]]:
        """Return the arrays by name, for a file."""
        return {"means": self.means, "directions": self.directions, "variances": self.variances}


def fit_reference(features: Features, labels: NDArray[np.integer], seed: int = 0) -> FeatureReference:
    """Return the reference of training images.

    Args:
        features: (N, features), one row an image: no mirrored copies, which would look like familiar new images.
        labels: (N,) class indices; at least one class with two images.
        seed: of the images that the spread is learned from, where there are very many.

    Raises:
        ValueError: no class has two images, or `features` and `labels` differ in N.
    """
    classes, own = np.unique(labels, return_inverse=True)
    if len(features) != len(labels) or len(features) <= len(classes):
        raise ValueError(
            f"A reference needs a row for each label and a class with two images; got features {features.shape}, "
            f"{len(labels)} labels, {len(classes)} classes."
        )
    means = np.stack([_of_length_one(features[own == row]).mean(0) for row in range(len(classes))])
    random = np.random.default_rng(seed)
    rows = np.arange(len(features))
    if len(rows) > MOST_SPREAD:
        rows = np.sort(random.choice(rows, MOST_SPREAD, replace=False))
    away = (_of_length_one(features[rows]) - means[own[rows]]).astype(np.float32)  # (n, features)
    freedom = max(1, len(rows) - len(classes))  # degrees of freedom of the spread
    rank = min(RANK, freedom // IMAGES_PER_DIRECTION, away.shape[1] - 1)
    directions, variances = _largest_directions(away, rank, freedom, random)
    total = float(np.square(away, dtype=np.float64).sum()) / freedom
    remainder = (total - variances.sum()) / (away.shape[1] - rank)
    kept = np.maximum(np.append(variances, remainder), SMALLEST_VARIANCE)
    kept[:-1] = np.maximum(kept[:-1], kept[-1])
    return FeatureReference(
        means.astype(np.float16), np.ascontiguousarray(directions, np.float16), kept.astype(np.float32)
    )


def fit_reference_and_limit(
    features: Features, labels: NDArray[np.integer], seed: int = 0
) -> tuple[FeatureReference, float | None]:
    """Return the reference of training images, and the score above which an image counts as unfamiliar.

    Args:
        features: as in `fit_reference`.
        labels: as in `fit_reference`.
        seed: of the division of the images.

    Returns:
        The reference, and its limit: None where there are too few images to tell (`familiar_limit`).

    Raises:
        ValueError: as in `fit_reference`.
    """
    reference = fit_reference(features, labels, seed)
    enough = len(labels) >= FEWEST_SCORES
    return reference, familiar_limit(held_out_scores(features, labels, seed)) if enough else None


def held_out_scores(features: Features, labels: NDArray[np.integer], seed: int = 0) -> NDArray[np.float64]:
    """Score training images as if they were new: each by a reference that was fitted without it.

    Args:
        features: as in `fit_reference`; at least three images.
        labels: as in `fit_reference`.
        seed: of the division of the images.

    Returns:
        A score for each of at most MOST_SCORED images, in no order.
    """
    scores = []
    for part in _parts(labels, np.random.default_rng(seed)):
        others = np.setdiff1d(np.arange(len(labels)), part)
        scores.append(fit_reference(features[others], labels[others], seed).score(features[part]))
    return np.concatenate(scores)


def familiar_limit(scores: NDArray[np.floating]) -> float | None:
    """Return the score that a new familiar image exceeds with a probability of at most 1 - FAMILIAR.

    Between 19 and 48 scores it is the largest of them, which a new image exceeds more often, at most 1 time in 20.
    Of n scores and a new one, each is equally often the largest: the limit is the ceil((n + 1) FAMILIAR)-th
    smallest (conformal prediction, Vovk et al. 2005).

    Args:
        scores: (n,), of familiar images that the score was not fitted to.

    Returns:
        The limit; None for fewer than FEWEST_SCORES scores.
    """
    if len(scores) < FEWEST_SCORES:
        return None
    place = min(math.ceil((len(scores) + 1) * FAMILIAR), len(scores))
    return float(np.sort(scores)[place - 1])


def energy(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return minus the logarithm of the sum of the logits' exponentials: (N, classes) -> (N,).

    Source: Liu et al. 2020, arXiv:2010.03759.
    """
    logits = logits.astype(np.float64)
    largest = logits.max(-1, keepdims=True)
    return -(np.log(np.exp(logits - largest).sum(-1)) + largest[..., 0])


def standardized_energy(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the energy of each image's logits at mean 0 and standard deviation 1: (N, classes) -> (N,).

    For many classes, and a network whose training images are not at hand. It is the same for logits and for the
    logarithms of the probabilities.
    """
    logits = logits.astype(np.float64)
    deviation = np.maximum(logits.std(-1, keepdims=True), np.finfo(np.float32).tiny)
    return energy((logits - logits.mean(-1, keepdims=True)) / deviation)


OF_LOGITS = {"energy": energy, "standardized energy": standardized_energy}
"""Methods that need nothing but the logits: name -> score. The first serves networks trained from scratch, the second
pretrained networks whose training images are not at hand."""

BY_FEATURES = "features"
"""The method that needs a reference of the training images' features; it serves transfer."""

METHODS = (BY_FEATURES, *OF_LOGITS)
"""Names of all methods, as on a model card."""


def novelty_scores(
    method: str,
    features: Features,
    logits: NDArray[np.floating],
    reference: FeatureReference | None,
) -> NDArray[np.float64]:
    """Return each image's score by a method of METHODS: the higher, the less familiar.

    Args:
        method: its name.
        features: (N, features), the inputs of the last dense layer.
        logits: (N, classes).
        reference: of the training images; needed by "features" alone.

    Returns:
        (N,).

    Raises:
        ValueError: the reference is missing.
    """
    if method != BY_FEATURES:
        return OF_LOGITS[method](logits)
    if reference is None:
        raise ValueError("Scores by features need the reference of the training images.")
    return reference.score(features)


def _of_length_one(features: Features) -> NDArray[np.float64]:
    features = np.asarray(features, np.float64)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)


def _squared_distances(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distance of each point to each other one: (N, D) and (M, D) -> (N, M)."""
    squares = np.square(points).sum(1)[:, None] + np.square(others).sum(1)
    return squares - 2 * _products(points, others)


def _products(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each point times each other one, (N, D) and (M, D) -> (N, M), on one thread.

    The threads of a linear algebra library would wait for each other: for 16 images and two classes, beside other
    programs, 40 to 200 ms instead of a fifth of one.
    """
    return np.einsum("nd,md->nm", points, others)


def _largest_directions(
    away: NDArray[np.float32], rank: int, freedom: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the directions of the largest variances and these: (n, D) -> (rank, D) and (rank,), the largest first.

    By subspace iteration from a random start (Halko et al. 2011, arXiv:0909.4061).
    """
    if not rank:
        return np.empty((0, away.shape[1]), np.float32), np.empty(0)
    subspace = random.normal(size=(away.shape[1], min(rank + FURTHER, *away.shape))).astype(np.float32)
    for _ in range(ITERATIONS):
        subspace = np.linalg.qr(away.T @ (away @ subspace))[0]
    _, lengths, turned = np.linalg.svd(away @ subspace, full_matrices=False)
    return (subspace @ turned.T).T[:rank], np.square(lengths[:rank].astype(np.float64)) / freedom


def _parts(labels: NDArray[np.integer], random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Divide the rows, or some of them, into parts that hold few images of any class."""
    count = len(labels)
    parts = count if count <= ONE_BY_ONE else PARTS if count <= ONE_PART else max(PARTS, count // MOST_SCORED)
    shuffled = random.permutation(count)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    used = parts if count <= ONE_PART else 1
    return (by_class[part::parts] for part in range(used))
