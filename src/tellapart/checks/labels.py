"""Labels: which pictures look as if they had another class than their label says, and which belong to no class.

Features of a pretrained network are divided into folds, and a linear discriminant (scikit-learn) that has not seen a
picture says how likely each class is. cleanlab ranks the labels by that and estimates which are wrong.

Sources: Northcutt et al. 2021, arXiv:1911.00068 (confident learning); Ledoit and Wolf 2004 (shrinkage).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.album import Album

FOLDS = 5
LEAST_GROUNDS = 0.3
"""Share of the way from guessing to certainty that the features must go for their word to count against a label."""

FEWEST_OF_A_CLASS = 10
"""Pictures of a class with fewer are not judged: their own class would hardly be known without them."""

NEIGHBORS = 10
"""Pictures that are nearest to one; their mean distance tells whether it belongs to the others."""

FEWEST_FOR_OUTLIERS = 50
FAR = 1.6
"""Times the usual distance, the median of all pictures, from which a picture counts as an outlier."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelSuspects:
    """Pictures whose label looks wrong, the most suspicious first."""

    rows: NDArray[np.int64]
    """Of the album."""

    suggested: NDArray[np.int64]
    """The likeliest class of each."""

    probability: NDArray[np.float64]
    """Of the label of each, 0 to 1, by a classifier that was not fitted to it."""

    accuracy: float
    """Share of all judged pictures whose label is the likeliest class: what the suspicion rests on."""

    chance: float
    """Share of the commonest class."""

    @property
    def has_grounds(self) -> bool:
        """Whether the features tell these classes apart; if not, every other picture would be suspicious."""
        return self.accuracy - self.chance > LEAST_GROUNDS * (1 - self.chance)


def judged_rows(album: Album, left_out: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pictures that can be judged: readable, not left out, and of a class with enough others."""
    rows = album.readable
    rows = rows[~left_out[rows]]
    counts = np.bincount(album.labels[rows], minlength=len(album.dataset.class_names))
    return rows[counts[album.labels[rows]] >= FEWEST_OF_A_CLASS]


def label_suspects(album: Album, rows: NDArray[np.int64]) -> LabelSuspects | None:
    """Return the suspects among these rows; None where there are no two classes."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    classes, labels = np.unique(album.labels[rows], return_inverse=True)
    if len(classes) < 2 or album.features is None:
        return None
    probabilities = _held_out_probabilities(album.features[rows], labels)
    quality = get_label_quality_scores(labels, probabilities, method="self_confidence")
    issues = find_label_issues(labels, probabilities, n_jobs=1)
    found = np.flatnonzero(issues)
    found = found[np.argsort(quality[found], kind="stable")]
    likeliest = probabilities.argmax(1)
    return LabelSuspects(
        rows[found],
        classes[likeliest[found]],
        quality[found],
        accuracy=float((likeliest == labels).mean()),
        chance=float(np.bincount(labels).max() / len(labels)),
    )


def _held_out_probabilities(features: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return probabilities (N, classes), each picture's by a classifier that was not fitted to it."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return cross_val_predict(classifier, features, labels, cv=folds, method="predict_proba")


def outliers(album: Album, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pictures without neighbors, the loneliest first, and how many times as far as usual theirs are.

    Sources: Sun et al. 2022, arXiv:2204.06507 (distances to nearest neighbors); Kuan and Mueller 2022,
    arXiv:2207.03061 (their mean).
    """
    from sklearn.neighbors import NearestNeighbors

    if album.features is None or len(rows) < FEWEST_FOR_OUTLIERS:
        return np.empty(0, np.int64), np.empty(0)
    points = album.features[rows]
    search = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute").fit(points)
    distances = search.kneighbors(return_distance=True)[0].mean(1)
    far = distances / max(float(np.median(distances)), 1e-12)
    found = np.flatnonzero(far >= FAR)
    found = found[np.argsort(-far[found], kind="stable")]
    return rows[found], far[found]
