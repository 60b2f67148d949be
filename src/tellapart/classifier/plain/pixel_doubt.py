"""Doubt about assumed pixels: labeled pictures show whether a network answers better when they are scaled.

This chooses nothing: the score is that of the assumption, and the doubt stands beside it.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.inference.probability_net import ProbabilityNet
from tellapart.models.pixel_scaling import PIXEL_SCALINGS

PICTURES = 200
"""Enough to see a network that gets pixels 255 times too large."""

CLEARLY = 0.5
"""Share of the loss that another scaling must leave to be mentioned. Pixels 255 times too large often cost little
accuracy: a network trained on x / 255 had 44.1% and a loss of 8.80 on raw pixels, 43.3% and 1.56 on its own."""

OTHERS = ("0-1", "-1-1")


def doubt_about_pixels(net: ProbabilityNet, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> str:
    """Return a sentence where a network is clearly better on scaled pixels; otherwise an empty text.

    Args:
        net: reads pixels 0 to 255, as was assumed.
        images: (N, H, W, C).
        targets: (N,) indices of its outputs; below 0: of none.
    """
    rows = np.flatnonzero(targets >= 0)
    rows = rows[np.linspace(0, len(rows) - 1, min(PICTURES, len(rows))).astype(int)] if len(rows) else rows
    if not len(rows):
        return ""
    pixels, wanted = torch.from_numpy(images[rows]).float(), targets[rows]
    loss, right = _scores(net, pixels, wanted)
    for name in OTHERS:
        rescaling = PIXEL_SCALINGS[name].rescaling or {}
        other_loss, other_right = _scores(net, pixels * rescaling["scale"] + rescaling["offset"], wanted)
        if other_loss < CLEARLY * loss:
            return (
                f"With --pixels {name} the loss would be {other_loss:.2f} instead of {loss:.2f}, and the accuracy "
                f"{other_right:.1%} instead of {right:.1%} (on {len(rows)} of these pictures). The model was probably "
                "trained on such pixels."
            )
    return ""


def _scores(net: ProbabilityNet, pixels: torch.Tensor, targets: NDArray[np.int64]) -> tuple[float, float]:
    with torch.inference_mode():
        probabilities = net(pixels).float().cpu().numpy()
    chosen = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(chosen, 1e-7)).mean()), float((probabilities.argmax(1) == targets).mean())
