"""Out-of-distribution detection: whether an image is unlike what the network was trained on.

A softmax is confident even about images of no known class. The logits say more: for images like those of the
training set they are large. So the energy, minus the logarithm of the sum of their exponentials, is low for
familiar images. An image whose energy is above that of 95% of held-out images counts as unfamiliar.

Source: Liu et al. 2020, arXiv:2010.03759. Chosen over nearest training features (Sun et al. 2022), Mahalanobis
distances and the largest probability, on data sets other than those that its quality is reported for
(`benchmarks/NOTES.md`).
"""

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.recorder import Recorder
from tellapart.metrics.novelty import energy

FAMILIAR = 0.95
"""Share of held-out images that count as familiar."""

BATCH_SIZE = 64

MAX_IMAGES = 2000
"""Images that a limit is estimated from at most; its error is then half a percentage point."""


def energies(recorder: Recorder, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each image's energy; the lower, the more familiar.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8.

    Returns:
        (N,).
    """
    with torch.inference_mode():
        parts = [
            recorder.logits(torch.from_numpy(images[start : start + BATCH_SIZE].astype(np.float32)))
            for start in range(0, len(images), BATCH_SIZE)
        ]
    return energy(torch.cat(parts).cpu().numpy()) if parts else np.empty(0)


def limit_of(recorder: Recorder, held_out: NDArray[np.uint8]) -> float:
    """Return the energy that the share FAMILIAR of held-out images does not exceed.

    Args:
        recorder: of the network.
        held_out: (N, H, W, C) uint8, not trained on; at most the first MAX_IMAGES are used.
    """
    return float(np.quantile(energies(recorder, held_out[:MAX_IMAGES]), FAMILIAR))
