"""Predictor: run a net over many images without learning, for every score and prediction.

Each core takes whole chunks of the images through the net by itself: cores that share one operation
after the other wait for each other more than they compute, on a busy machine a hundred times as long. So one
image, or a few small ones, take one core. Validation, evaluation and prediction all
come through here, so they give the same numbers for the same image.
"""

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.events import Progress
from tellapart.inference.refine import refine_uncertain
from tellapart.inference.tta import TtaProbabilities, with_tta
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.workers import workers

MOST_AT_ONCE = 256
"""Images that a core takes at a time: enough for dense layers, few enough for visible progress."""

PIXELS_PER_CORE = 8 * 32 * 32
"""Pixels from which it pays to wake another core: eight images of 32 x 32, or a single photo."""

Probabilities = NDArray[np.float32]
"""(N, classes), rows summing to 1."""


class Predictor(Protocol):
    """A net in its form for inference alone."""

    @property
    def divides(self) -> bool:
        """Whether several threads may predict at once."""
        ...

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes) probabilities."""
        ...


class Net(Protocol):
    """A net that has a form for inference."""

    def ready(self, precision: str) -> Predictor:
        """Return that form, with the current weights."""
        ...


class ClassifierNet(Net, Protocol):
    """A net that may have a form for inference in several precisions."""

    def predicts_in(self, precision: str) -> bool:
        """Return whether it has a form in this precision."""
        ...


def probabilities(
    net: Net, images: NDArray[np.uint8], progress: Progress | None = None, precision: str = "float32"
) -> NDArray[np.float32]:
    """Predict every image.

    Args:
        net: with its current weights.
        images: (N, H, W, C) uint8, N at least 1.
        progress: called with (images done, images in all).
        precision: "float32"; or "bfloat16", correct to two digits.

    Returns:
        (N, classes) float32, each row summing to 1.
    """
    with torch.inference_mode():
        predictor = net.ready(precision)
    done, chunks = 0, []
    with keep_freed_memory():
        for chunk in _in_chunks(predictor, images):
            chunks.append(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, len(images))
    return np.concatenate(chunks)


def _in_chunks(predictor: Predictor, images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Predict the images in chunks, in order."""

    def predict(chunk: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.require(chunk, requirements=["C", "W"]))  # a copy, where need be
            return predictor(pixels).float().cpu().numpy()

    cores, count = workers().count, -(-len(images) // MOST_AT_ONCE)
    if cores == 1 or not predictor.divides:
        return map(predict, _divided(images, count))
    busy = min(cores, len(images), math.prod(images.shape[:3]) // PIXELS_PER_CORE)
    if busy > 1:
        count = -(-count // busy) * busy
    return workers().each(predict, _divided(images, count))


def _divided(images: NDArray[np.uint8], count: int) -> list[NDArray[np.uint8]]:
    """Return as many slices as `np.array_split` would; of images on a disk, nothing is read yet."""
    ends = [len(images) * part // count for part in range(count + 1)]
    return [images[start:stop] for start, stop in itertools.pairwise(ends)]


def tta_probabilities(
    net: ClassifierNet,
    images: NDArray[np.uint8],
    progress: Progress | None = None,
    *,
    tta_views: int = 1,
    precision: str = "float32",
    scored: Net | None = None,
    multi_label: bool = False,
) -> TtaProbabilities:
    """Predict every image with test-time augmentation; in bfloat16, predict uncertain ones again in float32.

    Args:
        net: with its current weights.
        images: (N, H, W, C) uint8, N at least 1.
        progress: called with (images done, images in all), for the first view.
        tta_views: 1, 2 or 6; see `inference.tta`.
        precision: "float32" or "bfloat16"; float32 where the net has no form in bfloat16.
        scored: the same net as a `scored_net.ScoredNet`, for novelty scores from the same run.
        multi_label: whether a picture may have several labels; the net then has no form but float32.
    """
    if not net.predicts_in(precision):
        precision = "float32"
    plain = novelty = None
    if scored is not None:
        both = probabilities(scored, images, progress, precision)
        plain, novelty = both[:, :-1].copy(), both[:, -1].astype(np.float64)

    def predict(precision: str, images: NDArray[np.uint8], progress: Progress | None = None) -> Probabilities:
        return probabilities(net, images, progress, precision)

    exact = partial(predict, "float32")
    if precision == "float32":
        return with_tta(exact, images, tta_views, progress, plain, multi_label)._replace(novelty=novelty)
    rounded = with_tta(partial(predict, precision), images, tta_views, progress, plain)
    averaged = refine_uncertain(
        rounded.averaged, lambda rows: with_tta(exact, images[rows], tta_views).averaged
    )
    if tta_views == 1:
        return TtaProbabilities(averaged, averaged, novelty)
    plain = refine_uncertain(rounded.plain, lambda rows: exact(images[rows]))
    return TtaProbabilities(averaged, plain, novelty)
