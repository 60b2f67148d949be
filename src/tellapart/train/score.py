"""Score: run a net over many pictures without learning. The one place where pictures become probabilities.

Always in float32 and in batches of one size, so that validation, evaluation and
prediction give the same numbers for the same picture.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.train.loss import EPSILON

BATCH = 250
"""Pictures at a time: feature maps of a small network still fit the cache."""

Net = Callable[[torch.Tensor], torch.Tensor]
"""(B, H, W, C) pixels 0-255 -> (B, classes) probabilities."""


def probabilities(
    net: Net, images: NDArray[np.uint8], progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float32]:
    """Ask the net about every picture.

    Args:
        net: in inference mode.
        images: (N, H, W, C) uint8.
        progress: called with (pictures done, pictures in all).

    Returns:
        (N, classes) float32, each row summing to 1.
    """
    answers = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = np.ascontiguousarray(images[start : start + BATCH])
            answers.append(net(torch.from_numpy(batch)).float().cpu().numpy())
            if progress is not None:
                progress(min(start + BATCH, len(images)), len(images))
    return np.concatenate(answers)


def loss_and_accuracy(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Mean cross-entropy, clipped as in training, and the share of pictures whose likeliest class is right.

    Args:
        answers: (N, classes) probabilities.
        labels: (N,) class indices.
    """
    of_truth = answers[np.arange(len(labels)), labels].astype(np.float64)
    loss = -np.log(np.clip(of_truth, EPSILON, 1 - EPSILON)).mean()
    return float(loss), float((answers.argmax(1) == labels).mean())
