"""The linear head of a transfer: a multinomial logistic regression on a frozen network's features.

All features are divided by one number, not each by its own deviation: with few images, most features hardly vary,
and blowing those up costs accuracy (cats and dogs, five photos a class: 96.7% against 85.1%,
`benchmarks/one_scale.py`).

Knows nothing of networks and images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tellapart.runtime.threads import threads_for

MAX_ITERATIONS = 200
"""Of L-BFGS in one fit."""

TOLERANCE = 1e-5
"""Largest gradient at which a fit ends."""

MEMORY = 20
"""Earlier steps from which L-BFGS estimates the curvature."""

MOST_IN_FLOAT64 = 20_000
"""Rows, mirrored copies included; of more, the features are turned in float32 too, as all are fitted."""


LEAST_SPREAD = 1e-10
"""Share of the largest variance below which a direction is rounding error."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Weights of a dense layer on features as the network gives them."""

    kernel: NDArray[np.float32]
    """(features, classes)."""

    bias: NDArray[np.float32]
    """(classes,)."""

    multi_label: bool = False
    """Whether a picture may have several of the classes: a logistic regression for each, against all others."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the softmax of the logits, or their sigmoids: (N, features) -> (N, classes)."""
        logits = torch.from_numpy(features @ self.kernel + self.bias)
        return (logits.sigmoid() if self.multi_label else logits.softmax(1)).numpy()


class HeadFitter:
    """Fits heads to the same features, or to some of their rows.

    Where images are fewer than features, they are turned into as many coordinates, once for all fits: turning changes
    neither the products nor the penalty, and a free bias makes up for any mean, so the solutions are the same.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        labels: NDArray[Any],
        classes: int,
        class_weight: NDArray[np.float32] | None = None,
    ) -> None:
        """Prepare the features.

        Args:
            features: (N, features) float32.
            labels: (N,), 0 to classes - 1; or (N, classes) of 0 and 1, where a picture may have several.
            classes: how many there are.
            class_weight: (classes,), what each image of a class counts in the cross-entropy; None: 1.
        """
        dtype = torch.float64 if len(features) <= MOST_IN_FLOAT64 else torch.float32
        given = torch.from_numpy(features).to(dtype)
        self.labels, self.classes = torch.from_numpy(labels), classes
        self.class_weight = None if class_weight is None else torch.from_numpy(class_weight)
        self._mean = given.mean(0)
        centered = given.sub_(self._mean) if dtype == torch.float64 else given - self._mean
        scale = centered.square().mean().sqrt().clamp_min(1e-12)
        coordinates, back = _turned(centered.div_(scale))
        self._coordinates, self._back = coordinates.float(), back / scale

    def fit(self, penalties: Sequence[float], rows: NDArray[np.int64] | None = None) -> Iterator[LinearHead]:
        """Fit a head for each penalty, each fit beginning where the one before ended.

        A fit minimizes the mean cross-entropy, each image's times its class's weight, plus half the penalty times the
        squared weights of the head; its bias is free. Penalties count for features whose variance is 1 on average.

        Args:
            penalties: above 0, from the strongest on.
            rows: of the images to fit to; None: all.

        Source: Kornblith et al. 2019, arXiv:1805.08974 (L-BFGS on a frozen network's features, penalty chosen on
        held-out images); scikit-learn's LogisticRegression minimizes the same function with
        C = 1 / (N * penalty) and the same class_weight.
        """
        images = self._coordinates if rows is None else self._coordinates[rows]
        targets = self.labels if rows is None else self.labels[rows]
        kernel = images.new_zeros(images.shape[1], self.classes).requires_grad_()
        bias = images.new_zeros(self.classes).requires_grad_()
        for penalty in penalties:
            with threads_for(6.0 * images.numel() * self.classes):
                _minimize(images, targets, kernel, bias, penalty, self.class_weight)
                on_features = self._back.t() @ kernel.detach().to(self._back.dtype)
            shifted = bias.detach() - self._mean @ on_features
            yield LinearHead(on_features.float().numpy(), shifted.float().numpy(), self.labels.ndim == 2)


def _turned(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return coordinates (N, rank) of centered features, and the way back, (rank, features)."""
    count, width = features.shape
    if count >= width:
        return features, torch.eye(width, dtype=features.dtype)
    with threads_for(0):  # several threads wait for each other in this decomposition
        squared, left = torch.linalg.eigh(features @ features.t())
    kept = squared > LEAST_SPREAD * squared[-1]
    lengths, left = squared[kept].clamp_min(1e-24).sqrt(), left[:, kept]
    return left * lengths, (left / lengths).t() @ features


def _cross_entropy(logits: Tensor, targets: Tensor, class_weight: Tensor | None) -> Tensor:
    """Return the mean over images; of several labels, each by itself, it is the sum over labels."""
    if targets.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(targets)
    # torch's own mean with weights would divide by their sum
    return F.cross_entropy(logits, targets, class_weight, reduction="sum") / len(targets)


def _minimize(
    coordinates: Tensor,
    targets: Tensor,
    kernel: Tensor,
    bias: Tensor,
    penalty: float,
    class_weight: Tensor | None,
) -> None:
    optimizer = torch.optim.LBFGS(
        [kernel, bias], max_iter=MAX_ITERATIONS, tolerance_grad=TOLERANCE, tolerance_change=1e-9,
        history_size=MEMORY, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = torch.addmm(bias, coordinates, kernel)
        value = _cross_entropy(logits, targets, class_weight) + penalty / 2 * kernel.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
