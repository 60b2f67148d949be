"""Principal: features in the few directions in which they differ most."""

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 128
"""Principal components. With 64 or 256 as many flipped labels are found."""


def principal(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the features of length 1 in their main directions: (N, features) -> (N, at most DIRECTIONS)."""
    from sklearn.decomposition import PCA

    points = features.astype(np.float32)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-6)
    count = min(DIRECTIONS, points.shape[1], max(1, len(points) // 4))
    return PCA(count, svd_solver="randomized", random_state=0).fit_transform(points)
