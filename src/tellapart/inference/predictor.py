"""Score: run a net over many pictures without learning. The one place where pictures become probabilities.

Each core takes whole parts of the pictures through the net by itself: cores that share one operation
after the other wait for each other more than they compute. Validation, evaluation and prediction all
ask here, so they give the same numbers for the same picture.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.runtime.workers import workers

MOST_AT_ONCE = 256
"""Pictures that a core takes at a time: enough for dense layers, few enough for its progress to be seen."""

FEWEST_AT_ONCE = 8
"""Pictures for which it pays to wake another core."""

Progress = Callable[[int, int], None]


class Predictor(Protocol):
    """A net ready to be asked."""

    @property
    def divides(self) -> bool:
        """Whether several threads may ask at once."""
        ...

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes) probabilities."""
        ...


class Net(Protocol):
    """What can be made ready."""

    def ready(self, precision: str) -> Predictor:
        """The form to ask, true for the weights of this moment."""
        ...


def probabilities(
    net: Net, images: NDArray[np.uint8], progress: Progress | None = None, precision: str = "float32"
) -> NDArray[np.float32]:
    """Ask the net about every picture.

    Args:
        net: as it is now.
        images: (N, H, W, C) uint8, N at least 1.
        progress: called with (pictures done, pictures in all).
        precision: "float32"; or "bfloat16", correct to two digits.

    Returns:
        (N, classes) float32, each row summing to 1.
    """
    with torch.inference_mode():
        answer = net.ready(precision)
    done, found = 0, []
    for part in _answers(answer, images):
        found.append(part)
        done += len(part)
        if progress is not None:
            progress(done, len(images))
    return np.concatenate(found)


def _answers(answer: Predictor, images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """What the net says of parts of the pictures, in order."""

    def ask(part: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.require(part, requirements=["C", "W"]))  # a copy, where need be
            return answer(pixels).float().cpu().numpy()

    cores = workers().count
    rounds = -(-len(images) // (cores * MOST_AT_ONCE))
    if cores == 1 or not answer.divides or len(images) < cores * FEWEST_AT_ONCE:
        return map(ask, np.array_split(images, -(-len(images) // MOST_AT_ONCE)))
    return workers().each(ask, np.array_split(images, rounds * cores))
