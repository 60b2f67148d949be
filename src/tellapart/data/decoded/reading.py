"""Reading a split: every image decoded and brought to one size, some at a time on all cores, in the split's order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.data.dataset import Split
from tellapart.data.fitted import FittedImage, fitted
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import ReadingNote, UnreadableImage
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.untrusted.large_images import large_images_alone

SMALLEST_SIDE = 8
"""Pixels. An image with a smaller side is left out: it shows nothing."""

_CHUNK, _CHUNK_BYTES = 512, 64 << 20
"""Images decoded between two reports of progress, and the bytes of them that wait in memory, at most."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a split."""

    rows: list[int] = field(default_factory=list)
    """Rows of the split that could be read, in order."""

    unreadable: list[UnreadableImage] = field(default_factory=list)
    notes: list[ReadingNote] = field(default_factory=list)


def read_all(
    split: Split,
    preprocessing: Preprocessing,
    keep: Callable[[Pixels], None],
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read every image of a split.

    Args:
        split: of a Dataset.
        preprocessing: the size, channels and policy.
        keep: is given the pixels of each readable image, in the split's order.
        progress: called with (images done, images in all).
    """
    reading = Reading()
    height, width, channels = preprocessing.shape
    at_once = max(os.cpu_count() or 1, min(_CHUNK, _CHUNK_BYTES // (height * width * channels)))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(split), at_once):
            rows = range(start, min(start + at_once, len(split)))
            for row, image in zip(rows, read_rows(split, rows, preprocessing, threads), strict=True):
                if isinstance(image, UnreadableImage):
                    reading.unreadable.append(image)
                    continue
                keep(image.pixels)
                reading.rows.append(row)
                if image.note:
                    reading.notes.append(ReadingNote(split.ids[row], image.note))
            if progress is not None:
                progress(rows.stop, len(split))
    return reading


def read_rows(
    split: Split, rows: Sequence[int], preprocessing: Preprocessing, threads: ThreadPoolExecutor
) -> Iterator[FittedImage | UnreadableImage]:
    """Yield these rows' images in order, read by several threads."""
    return threads.map(lambda row: _read(split, row, preprocessing), rows)


def _read(split: Split, row: int, preprocessing: Preprocessing) -> FittedImage | UnreadableImage:
    try:
        source = split.images.source(row)
    except PictureError as reason:
        return UnreadableImage(split.ids[row], str(reason))
    return read_one(source, split.ids[row], preprocessing)


def read_one(
    source: Path | bytes | Pixels, name: str, preprocessing: Preprocessing
) -> FittedImage | UnreadableImage:
    """Return an image, decoded and brought to one size, or why it is left out.

    Args:
        source: a file, a file's content, or pixels.
        name: what errors call an image that is no file.
        preprocessing: the size, channels and policy.
    """
    with large_images_alone():
        try:
            image = fitted(source, preprocessing)
        except PictureError as reason:  # what has no file has no name of its own
            return UnreadableImage(name, str(reason).replace("<bytes>", name, 1))
    height, width = image.size
    if min(height, width) < SMALLEST_SIDE:
        size = f"{height} x {width} pixels, less than {SMALLEST_SIDE} x {SMALLEST_SIDE}"
        return UnreadableImage(name, f"{name}: too small: {size}")
    return image
