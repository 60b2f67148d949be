"""Doubt: which pictures an answer in bfloat16 may have put into the wrong class.

bfloat16 moves the logarithms of the probabilities a little. Where the two likeliest classes are closer
than that, float32 is asked. How close was chosen on CIFAR-10's *training* pictures, see `MARGIN`; and
because another network may be moved more, the margin doubles for as long as float32 still overrules
pictures in its outer half.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.1
"""Between the logarithms of the two likeliest classes. Of 10,000 training pictures of CIFAR-10, 25 and 33
changed class in bfloat16 (two networks, `benchmarks/predict_vs_onnxruntime.py --margins`); the clearest of
them had 0.029 and 0.051 between its classes. 3% and 5% of the pictures are asked about again."""

LEAST = 1e-12
"""Stands for a probability of zero, which has no logarithm."""


def refine_uncertain(
    answers: NDArray[np.float32],
    ask_exactly: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    margin: float = MARGIN,
) -> NDArray[np.float32]:
    """Replace the answers in doubt by exact ones.

    Args:
        answers: (N, classes) probabilities from low precision; written over.
        ask_exactly: rows of pictures, ascending, to their probabilities in float32.
        margin: as `MARGIN`; pictures at least so clear are not asked about.

    Returns:
        (N, classes), exact where the likeliest class was in doubt.
    """
    margins = margin_of(answers)
    asked = 0.0
    while True:
        rows = np.flatnonzero((margins >= asked) & (margins < margin))
        if not len(rows):
            return answers
        before = answers[rows].argmax(1)
        answers[rows] = ask_exactly(rows)
        overruled = margins[rows[answers[rows].argmax(1) != before]]
        if not len(overruled) or overruled.max() < margin / 2:
            return answers
        asked, margin = margin, 2 * margin


def margin_of(answers: NDArray[np.float32]) -> NDArray[np.float64]:
    """The difference of the logarithms of the two likeliest classes: (N, classes) -> (N,)."""
    best = np.partition(np.maximum(answers, LEAST).astype(np.float64), -2, axis=1)[:, -2:]
    return np.log(best[:, 1] / best[:, 0])
