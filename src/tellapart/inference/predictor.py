"""Score: run a net over many pictures without learning. The one place where pictures become probabilities.

Each core takes whole parts of the pictures through the net by itself: cores that share one operation
after the other wait for each other more than they compute. Validation, evaluation and prediction all
ask here, so they give the same numbers for the same picture.
"""

from collections.abc import Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.events import Progress
from tellapart.inference.refine import refine_uncertain
from tellapart.inference.tta import TtaProbabilities, with_tta
from tellapart.runtime.workers import workers

MOST_AT_ONCE = 256
"""Pictures that a core takes at a time: enough for dense layers, few enough for its progress to be seen."""

FEWEST_AT_ONCE = 8
"""Pictures for which it pays to wake another core."""

Probabilities = NDArray[np.float32]
"""(N, classes), rows summing to 1."""


class Predictor(Protocol):
    """A net in the form that only predicts."""

    @property
    def divides(self) -> bool:
        """Whether several threads may ask at once."""
        ...

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes) probabilities."""
        ...


class Net(Protocol):
    """A net that has such a form."""

    def ready(self, precision: str) -> Predictor:
        """The form to ask, true for the weights of this moment."""
        ...


class ClassifierNet(Net, Protocol):
    """A net that may have such a form in several precisions."""

    def answers_in(self, precision: str) -> bool:
        """Whether it has a form in this precision."""
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


def tta_probabilities(
    net: ClassifierNet,
    images: NDArray[np.uint8],
    progress: Progress | None = None,
    *,
    tta_views: int = 1,
    precision: str = "float32",
) -> TtaProbabilities:
    """Predict every image with test-time augmentation; in bfloat16, predict uncertain ones again in float32.

    Args:
        net: as it is now.
        images: (N, H, W, C) uint8, N at least 1.
        progress: called with (images done, images in all), for the first view.
        tta_views: 1, 2 or 6; see `inference.tta`.
        precision: "float32" or "bfloat16"; float32 where the net has no form in bfloat16.
    """

    def predict(precision: str, images: NDArray[np.uint8], progress: Progress | None = None) -> Probabilities:
        return probabilities(net, images, progress, precision)

    exact = partial(predict, "float32")
    if precision == "float32" or not net.answers_in(precision):
        return with_tta(exact, images, tta_views, progress)
    rounded = with_tta(partial(predict, precision), images, tta_views, progress)
    averaged = refine_uncertain(
        rounded.averaged, lambda rows: with_tta(exact, images[rows], tta_views).averaged
    )
    if tta_views == 1:
        return TtaProbabilities(averaged, averaged)
    return TtaProbabilities(averaged, refine_uncertain(rounded.plain, lambda rows: exact(images[rows])))
