"""The linear head of a transfer: a multinomial logistic regression on a frozen network's features.

All features are divided by one number, not each by its own deviation: with few images, most features hardly vary,
and blowing those up costs accuracy (cats and dogs, five photos a class: 97.9% against 91.2%,
`benchmarks/NOTES.md`).

Knows nothing of networks and images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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

MOST_IN_FLOAT64 = 20_000
"""Images; more are fitted in float32."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Weights of a dense layer on features as the network gives them."""

    kernel: NDArray[np.float32]
    """(features, classes)."""

    bias: NDArray[np.float32]
    """(classes,)."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the softmax of the logits: (N, features) -> (N, classes)."""
        logits = torch.from_numpy(features @ self.kernel + self.bias)
        return logits.softmax(1).numpy()


class _Basis(NamedTuple):
    """Features in the basis in which a head is fitted, and the way back."""

    coordinates: Tensor
    """(N, rank)."""

    back: Tensor
    """(rank, features): weights on the coordinates -> weights on the centered features."""

    mean: Tensor
    """(features,)."""


def fit_heads(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    penalties: Sequence[float],
) -> Iterator[LinearHead]:
    """Fit a head for each penalty, each fit beginning where the one before ended.

    A fit minimizes the mean cross-entropy plus half the penalty times the squared weights; the bias is free.
    Penalties count for features whose variance is 1 on average.

    Args:
        features: (N, features) float32.
        labels: (N,), 0 to classes - 1.
        classes: how many there are.
        penalties: above 0, from the strongest on.

    Source: Kornblith et al. 2019, arXiv:1805.08974 (L-BFGS on a frozen network's features, penalty chosen on
    held-out images); scikit-learn's LogisticRegression minimizes the same function with C = 1 / (N * penalty).
    """
    basis = _basis(torch.from_numpy(features))
    targets = torch.from_numpy(labels)
    kernel = basis.coordinates.new_zeros(basis.coordinates.shape[1], classes).requires_grad_()
    bias = basis.coordinates.new_zeros(classes).requires_grad_()
    for penalty in penalties:
        with threads_for(6.0 * basis.coordinates.numel() * classes):
            _minimize(basis.coordinates, targets, kernel, bias, penalty)
        on_features = basis.back.t() @ kernel.detach()
        shifted = bias.detach() - basis.mean @ on_features
        yield LinearHead(on_features.float().numpy(), shifted.float().numpy())


def _basis(features: Tensor) -> _Basis:
    """Center and scale the features; turn them, where images are fewer than features, into as many coordinates.

    Turning changes neither the products nor the penalty, so the solution is the same.
    """
    features = features.double() if len(features) <= MOST_IN_FLOAT64 else features
    mean = features.mean(0)
    centered = features - mean
    scale = centered.square().mean().sqrt().clamp_min(1e-12)
    scaled = centered / scale
    count, width = scaled.shape
    if count >= width:
        return _Basis(scaled, torch.eye(width, dtype=scaled.dtype) / scale, mean)
    left, singular, right = torch.linalg.svd(scaled, full_matrices=False)
    return _Basis(left * singular, right / scale, mean)


def _minimize(coordinates: Tensor, targets: Tensor, kernel: Tensor, bias: Tensor, penalty: float) -> None:
    optimizer = torch.optim.LBFGS(
        [kernel, bias], max_iter=MAX_ITERATIONS, tolerance_grad=TOLERANCE, tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = torch.addmm(bias, coordinates, kernel)
        value = F.cross_entropy(logits, targets) + penalty / 2 * kernel.square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[arg-type]
