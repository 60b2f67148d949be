"""Nearest: what lies closest to something among many, by the angle between their features."""

import numpy as np
from numpy.typing import NDArray


def nearest(
    known: NDArray[np.float32], wanted: NDArray[np.float32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of each row of `wanted`, the rows of `known` that it makes the smallest angles with, the smallest first.

    Args:
        known: (N, D), to look among.
        wanted: (M, D).
        most: rows of each.

    Returns:
        (M, up to `most`) rows; and the cosines of the angles, -1 to 1.
    """
    similarities = _directions(wanted) @ _directions(known).T  # (M, N)
    rows = np.argsort(-similarities, axis=1, kind="stable")[:, :most]
    return rows, np.take_along_axis(similarities, rows, 1)


def _directions(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True).astype(np.float32)
    return values / np.maximum(lengths, 1e-12)
