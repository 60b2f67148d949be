"""Refinement: predict again, in float32, the images that bfloat16 may have put into the wrong class.

bfloat16 moves the logarithms of the probabilities a little. Where the two likeliest classes are closer
than that, float32 decides. How close was chosen on CIFAR-10's *training* images, see `MARGIN`; and
because another network may be moved more, the margin doubles for as long as float32 still changes
predictions in its outer half.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.1
"""Between the logarithms of the two likeliest classes. Of 10,000 training images of CIFAR-10, 25 and 33
changed class in bfloat16 (two networks, `benchmarks/predict_vs_onnxruntime.py --margins`); the clearest of
them had margins of 0.029 and 0.051. 3% and 5% of the images are predicted again."""

SMALLEST = 1e-12
"""Stands for a probability of zero, which has no logarithm."""


def refine_uncertain(
    probabilities: NDArray[np.float32],
    predict_exactly: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    margin: float = MARGIN,
) -> NDArray[np.float32]:
    """Replace uncertain predictions by exact ones.

    Args:
        probabilities: (N, classes), from low precision; overwritten.
        predict_exactly: maps rows of images, ascending, to their probabilities in float32.
        margin: as `MARGIN`; images with at least this margin are not predicted again.

    Returns:
        (N, classes), exact where the likeliest class was uncertain.
    """
    margins = margin_of(probabilities)
    lowest = 0.0
    while True:
        rows = np.flatnonzero((margins >= lowest) & (margins < margin))
        if not len(rows):
            return probabilities
        before = probabilities[rows].argmax(1)
        probabilities[rows] = predict_exactly(rows)
        changed = margins[rows[probabilities[rows].argmax(1) != before]]
        if not len(changed) or changed.max() < margin / 2:
            return probabilities
        lowest, margin = margin, 2 * margin


def margin_of(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the difference between the logarithms of the two likeliest classes: (N, classes) -> (N,)."""
    best = np.partition(np.maximum(probabilities, SMALLEST).astype(np.float64), -2, axis=1)[:, -2:]
    return np.log(best[:, 1] / best[:, 0])
