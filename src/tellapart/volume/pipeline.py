"""From paths to predictions: threads decode the next pictures while the network predicts the present ones.

    paths -> [threads: decode, preprocess] -> [network, one chunk] -> predictions, in the order of the paths

At most two chunks of pictures are in memory. Decoding and the network release Python's lock, so that threads keep all
cores busy; processes would have to be started and would copy each picture.

Knows nothing of files that are written.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tellapart.classifier.classifier import Classifier
from tellapart.classifier.prediction import Prediction
from tellapart.data.fitted import FittedImage, fitted
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import UnreadableImage
from tellapart.errors import ConfigError, PictureError
from tellapart.untrusted.large_images import large_images_alone

CHUNKS_AHEAD = 1
"""Chunks that are decoded while one is predicted."""

Answer = Prediction | UnreadableImage


class Chunk(NamedTuple):
    """Some pictures of the list that go through the network together."""

    number: int
    """Its place among all chunks, from 0."""

    paths: tuple[str, ...]


class AnsweredChunk(NamedTuple):
    """A chunk with an answer for each picture, in order."""

    chunk: Chunk
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Asking:
    """What each picture is asked."""

    classifier: Classifier
    top: int | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise ConfigError(f"top is a number of classes, 1 or more; got {self.top}.")


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def answered(asking: Asking, chunks: Iterable[Chunk], workers: int) -> Generator[AnsweredChunk, None, None]:
    """Predict chunks of pictures, in order.

    Args:
        asking: the classifier, and what is wanted of it.
        chunks: taken from as they are needed.
        workers: threads that decode.
    """
    preprocessing = asking.classifier.card.preprocessing
    with _threads(workers) as threads:
        waiting: deque[tuple[Chunk, list[Future[FittedImage | UnreadableImage]]]] = deque()
        for chunk in chunks:
            waiting.append((chunk, [threads.submit(_read, path, preprocessing) for path in chunk.paths]))
            if len(waiting) > CHUNKS_AHEAD:
                yield _answer(asking, *waiting.popleft())
        while waiting:
            yield _answer(asking, *waiting.popleft())


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads within the block; what they have not begun when it ends, they never begin."""
    threads = ThreadPoolExecutor(count, "tellapart-decoding")
    try:
        yield threads
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _read(path: str, preprocessing: Preprocessing) -> FittedImage | UnreadableImage:
    with large_images_alone():
        try:
            return fitted(path, preprocessing)
        except PictureError as reason:
            return UnreadableImage(path, str(reason))


def _answer(
    asking: Asking, chunk: Chunk, decoding: Sequence[Future[FittedImage | UnreadableImage]]
) -> AnsweredChunk:
    images = [future.result() for future in decoding]
    readable = [image for image in images if isinstance(image, FittedImage)]
    predictions = iter(
        asking.classifier.predict_fitted(readable, asking.top, asking.precision) if readable else ()
    )
    return AnsweredChunk(
        chunk, [image if isinstance(image, UnreadableImage) else next(predictions) for image in images]
    )
