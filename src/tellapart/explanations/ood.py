"""Unknown: whether a picture is unlike anything that the network was trained on.

A softmax is sure of something even where nothing is known. Its logits tell more: of
pictures like the training's they are large. So the energy, minus the logarithm of the sum of their
exponentials, is low for what is familiar. A picture whose energy is above that of 95% of held-out
pictures counts as unfamiliar.

Source: Liu et al. 2020, arXiv:2010.03759. Chosen among the nearest training features (Sun et al. 2022), Mahalanobis
distances and the largest probability on sets kept apart from those that the quality is told of
(`benchmarks/NOTES.md`).
"""

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.recorder import Recorder

FAMILIAR = 0.95
"""Share of held-out pictures that count as familiar."""

AT_ONCE = 64

MOST_PICTURES = 2000
"""That a limit is taken from: its error is then half a point of the share."""


def energies(recorder: Recorder, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each picture; the lower, the more familiar.

    Args:
        recorder: of the network.
        images: (N, H, W, C) uint8.

    Returns:
        (N,).
    """
    with torch.inference_mode():
        parts = [
            -recorder.run(
                torch.from_numpy(images[start : start + AT_ONCE].astype(np.float32))
            ).logits.logsumexp(1)
            for start in range(0, len(images), AT_ONCE)
        ]
    return torch.cat(parts).cpu().numpy() if parts else np.empty(0, np.float32)


def limit_of(recorder: Recorder, held_out: NDArray[np.uint8]) -> float:
    """The energy below which the familiar share of held-out pictures lies.

    Args:
        recorder: of the network.
        held_out: (N, H, W, C) uint8, not trained on; of many, the first are taken.
    """
    return float(np.quantile(energies(recorder, held_out[:MOST_PICTURES]), FAMILIAR))
