"""Average precision: the area under precision over recall, as scikit-learn sums it.

Pictures with the same probability come together, and nothing is interpolated.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


def average_precision(probabilities: NDArray[np.floating], targets: NDArray[Any]) -> float | None:
    """Return the average precision of one label; None where no picture has it.

    Args:
        probabilities: (N,).
        targets: (N,) of 0 and 1.
    """
    if not targets.any():
        return None
    ranking = Ranking.of(probabilities, targets)
    return float(ranking.average_precision(np.ones((1, len(targets))))[0])


class Ranking(NamedTuple):
    """Pictures by their probability of a label, the likeliest first."""

    order: NDArray[np.int64]
    targets: NDArray[np.float64]
    """In that order."""

    ends: NDArray[np.int64]
    """Places of the last picture of each probability."""

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], targets: NDArray[Any]) -> "Ranking":
        """Return the ranking by a label's probabilities (N,), of pictures whose targets are 0 or 1."""
        order = np.argsort(-probabilities, kind="stable")
        ranked = probabilities[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        return cls(order, targets[order].astype(np.float64), ends)

    def average_precision(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return it for each row of weights: (R, N) -> (R,); NaN where no weight falls on a picture of the label."""
        weights = weights[:, self.order]
        hits = np.cumsum(weights * self.targets, axis=1)[:, self.ends]
        counts = np.cumsum(weights, axis=1)[:, self.ends]
        precision = hits / np.maximum(counts, 1e-300)
        steps = np.diff(hits, axis=1, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (precision * steps).sum(1) / hits[:, -1]


def average_precisions(
    probabilities: NDArray[np.floating], targets: NDArray[Any]
) -> tuple[float | None, ...]:
    """Return the average precision of each label: (N, labels) each; None where no picture has it."""
    return tuple(map(average_precision, probabilities.T, targets.T))


def mean_of(values: tuple[float | None, ...]) -> float:
    """Return the mean of those that are no None; 0 where all are."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0
