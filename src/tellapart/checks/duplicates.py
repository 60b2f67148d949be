"""Duplicates: pictures that occur more than once, pixel for pixel or changed a little, and where they lie.

Exact ones have the same decoded pixels. Near ones are looked for among the nearest neighbors of each thumbnail and of
its mirror image (scikit-learn), and kept where `alignment` finds the same detail.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.checks.album import Album
from tellapart.checks.alignment import similarity
from tellapart.data.types import Pixels
from tellapart.pages.card import Readable

NEIGHBORS = 4
"""Pictures with which each is compared, as many with its mirror image, and as many by its features."""

COARSE_SIDE = 8
"""Pixels of the blurred pictures whose neighbors are looked for."""

DIRECTIONS = 64
"""Numbers to which they are reduced (principal components)."""

ALIKE = 0.65
"""Correlation of two blurred pictures, in color, from which they are compared in detail."""

SAME_SHOT = 0.8
"""Similarity of detail from which two pictures count as one shot. All of 400 photos and 400 pictures of CIFAR-10 that
were resized, cut by up to a tenth at every edge or saved as JPEG reach 0.85; in CIFAR-10, pairs below 0.8 are often two
shots of one thing."""

MOST_PAIRS = 100_000
"""Pairs that are compared in detail, the most alike first: more than enough for 10,000 pictures."""

MOST_COMPARED = 150_000
"""Pictures up to which near duplicates are looked for: every picture is compared with every other."""

_LUMA = torch.tensor([0.299, 0.587, 0.114]) / 255


@dataclass(frozen=True, slots=True)
class Pair(Readable):
    """Two pictures that show the same shot."""

    first: int
    second: int
    """Rows of the album, the first smaller."""

    similarity: float
    """Correlation of their detail, up to 1."""

    exact: bool
    """Whether the decoded pixels are the same."""


def exact_pairs(album: Album) -> list[Pair]:
    """Return each picture whose pixels an earlier one has, with the first such."""
    rows = album.readable
    if not len(rows):
        return []
    _, first, inverse = np.unique(album.digests[rows], return_index=True, return_inverse=True)
    earliest = rows[first[inverse]]
    return [
        Pair(int(original), int(row), 1.0, True)
        for row, original in zip(rows, earliest, strict=True)
        if row != original
    ]


def near_pairs(album: Album, blank: NDArray[np.bool_], exact: list[Pair]) -> list[Pair]:
    """Return pairs of pictures that show one shot with other pixels.

    Args:
        album: of at most MOST_COMPARED pictures.
        blank: (N,) pictures that show nothing, which are all alike.
        exact: whose later pictures need not be compared again.
    """
    rows = np.setdiff1d(album.readable, [pair.second for pair in exact])
    rows = rows[~blank[rows]]
    if len(rows) < 2:
        return []
    thumbnails = album.thumbnails[rows]
    first, second = _candidates(thumbnails, None if album.features is None else album.features[rows])
    gray = torch.from_numpy(thumbnails).float() @ _LUMA
    scores = similarity(gray[first], gray[second]).numpy()
    kept = np.flatnonzero(scores >= SAME_SHOT)
    return [
        Pair(int(rows[first[index]]), int(rows[second[index]]), float(scores[index]), False)
        for index in kept[np.argsort(-scores[kept], kind="stable")]
    ]


def _candidates(
    thumbnails: Pixels, features: NDArray[np.float32] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of rows, the first smaller, that are neighbors and whose blurred pictures are alike."""
    from sklearn.decomposition import PCA

    plain, mirrored = _blurred(thumbnails), _blurred(thumbnails[:, :, ::-1])
    count = min(DIRECTIONS, *plain.shape)
    axes = PCA(count, svd_solver="randomized", random_state=0).fit(plain)
    points = axes.transform(plain).astype(np.float32)
    queries = axes.transform(mirrored).astype(np.float32)
    near = [_neighbors(points, points), _neighbors(points, queries)]
    if features is not None:
        near.append(_neighbors(features, features))
    theirs = np.concatenate(near, 1)
    ours = np.repeat(np.arange(len(points)), theirs.shape[1])
    pairs = np.sort(np.stack([ours, theirs.ravel()], 1), 1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    first, second = pairs.T
    alike = np.maximum(_products(plain[first], plain[second]), _products(mirrored[first], plain[second]))
    kept = np.flatnonzero(alike >= ALIKE)
    kept = kept[np.argsort(-alike[kept], kind="stable")[:MOST_PAIRS]]
    return first[kept], second[kept]


def _neighbors(points: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each query the rows of the nearest points; of a point that is among them, itself too."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBORS + 1, len(points)), algorithm="brute").fit(points)
    return search.kneighbors(queries, return_distance=False)


def _products(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.einsum("nd,nd->n", first, second)


def _blurred(thumbnails: Pixels) -> NDArray[np.float32]:
    """Return small pictures as rows of mean 0 and length 1: (N, 32, 32, 3) -> (N, numbers)."""
    side = thumbnails.shape[1] // COARSE_SIDE
    cells = thumbnails.reshape(len(thumbnails), COARSE_SIDE, side, COARSE_SIDE, side, 3)
    rows = cells.mean((2, 4), dtype=np.float32).reshape(len(thumbnails), -1)
    rows -= rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def groups_of(pairs: list[Pair], count: int) -> list[NDArray[np.int64]]:
    """Return the sets of pictures that pairs connect, each ascending.

    Args:
        pairs: of rows.
        count: of pictures.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return []
    first = np.array([pair.first for pair in pairs])
    second = np.array([pair.second for pair in pairs])
    graph = coo_array((np.ones(len(pairs), bool), (first, second)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    members = np.unique(np.concatenate([first, second]))
    order = members[np.argsort(component[members], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(component[order])) + 1)
