"""Nearest neighbors by the angle between feature vectors."""

import numpy as np
from numpy.typing import NDArray


def nearest(
    candidates: NDArray[np.float32], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return, for each query, the candidates at the smallest angles, the smallest first.

    Args:
        candidates: (N, D).
        queries: (M, D).
        count: neighbors of each query.

    Returns:
        (M, up to `count`) rows of `candidates`; and the cosines of the angles, -1 to 1.
    """
    similarities = _directions(queries) @ _directions(candidates).T  # (M, N)
    rows = np.argsort(-similarities, axis=1, kind="stable")[:, :count]
    return rows, np.take_along_axis(similarities, rows, 1)


def _directions(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows scaled to length 1."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True).astype(np.float32)
    return values / np.maximum(lengths, 1e-12)
