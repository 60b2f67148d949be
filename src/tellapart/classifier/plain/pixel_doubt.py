"""Doubt about assumed pixels: labeled pictures show whether a network answers better when they are scaled.

This chooses nothing: the score is that of the assumption, and the doubt stands beside it.
"""

import math
from typing import NamedTuple

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

MORE_RIGHT = 0.1
"""Share of the images that another scaling must add where the network is worse than a guess, to be mentioned."""

OTHERS = ("0-1", "-1-1", "imagenet", "caffe")


def doubt_about_pixels(net: ProbabilityNet, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> str:
    """Return a sentence where a network is clearly better on scaled pixels, or on none; otherwise an empty text.

    A scaling is only named where the network is better on it than one that guesses: of two losses far above
    that, the lower one tells nothing.

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
    raw = _scores(net, pixels, wanted)
    guessed = math.log(raw.classes)
    usable = [name for name in OTHERS if images.shape[-1] == 3 or not PIXEL_SCALINGS[name].needs_color]
    scores = {name: _scores(net, _scaled(pixels, name), wanted) for name in usable}
    best = min(scores, key=lambda name: scores[name].loss)
    other = scores[best]
    near = [
        name for name in usable if name != best and scores[name].loss < min(other.loss / CLEARLY, guessed)
    ]
    also = f", or on {' or '.join(near)}, with which it does nearly as well" if near else ""
    is_better = other.loss < CLEARLY * raw.loss or (
        raw.loss > guessed and other.right > raw.right + MORE_RIGHT
    )
    if is_better and other.loss < guessed:
        return (
            f"With --pixels {best} the loss would be {other.loss:.2f} instead of {raw.loss:.2f}, and the accuracy "
            f"{other.right:.1%} instead of {raw.right:.1%} (on {len(rows)} of these pictures). The model was probably "
            f"trained on such pixels{also}."
        )
    if raw.loss < guessed / CLEARLY:
        return ""
    return (
        f"Its loss on {len(rows)} of these pictures, {raw.loss:.2f}, is far above that of guessing, {guessed:.2f}, and "
        "no other --pixels does better than guessing: it was probably trained on pixels scaled in another way, or on "
        "these classes in another order (--classes). Any scaling can be a layer: put keras.layers.Rescaling first."
    )


class _Scores(NamedTuple):
    loss: float
    right: float
    """Share of the images."""
    classes: int


def _scaled(pixels: torch.Tensor, name: str) -> torch.Tensor:
    scaling = PIXEL_SCALINGS[name]
    factor, offset = (torch.tensor((scaling.rescaling or {})[key]).float() for key in ("scale", "offset"))
    scaled = pixels * factor + offset
    return scaled.flip(-1) if scaling.blue_first else scaled


def _scores(net: ProbabilityNet, pixels: torch.Tensor, targets: NDArray[np.int64]) -> _Scores:
    with torch.inference_mode():
        probabilities = net(pixels).float().cpu().numpy()
    chosen = probabilities[np.arange(len(targets)), targets]
    loss = float(-np.log(np.maximum(chosen, 1e-7)).mean())
    return _Scores(loss, float((probabilities.argmax(1) == targets).mean()), probabilities.shape[1])
