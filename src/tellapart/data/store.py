"""A whole split decoded to one size: in memory, beyond the budget in a file, and without room for that, image by image.

An image that cannot be read is left out and named; its file is never deleted.

Knows nothing of batches or augmentation.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tellapart.data.dataset import Split
from tellapart.data.decoded.cache import cached, default_folder
from tellapart.data.decoded.pixel_file import NoRoomError, PixelFile, PixelWriter
from tellapart.data.decoded.reading import SMALLEST_SIDE, Reading, read_all
from tellapart.data.decoded.streamed import StreamedPixels
from tellapart.data.images import ArrayImages
from tellapart.data.multi_label import are_several
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import ReadingNote, UnreadableImage
from tellapart.data.types import ImageShape, Pixels, Rows
from tellapart.errors import ConfigError, DataError, SaveError
from tellapart.pages.card import Readable
from tellapart.text import counted

MEMORY_BUDGET = 2 << 30
"""Bytes of decoded images in memory, where nobody says another number."""

_HASHED_BYTES = 64 << 20
"""Of images that a fingerprint reads at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageStore(Readable):
    """Images of one shape, with labels and ids in the same rows."""

    images: Pixels
    """(N, H, W, C) uint8, never written to. Beyond the budget mapped to a file, whose pages leave the memory by
    themselves; or StreamedPixels, which has an array's shape, rows and slices."""

    labels: NDArray[Any]
    """(N,) class numbers; or (N, labels) float32 of 0 and 1, where a picture may have several."""

    ids: tuple[str, ...]
    unreadable: tuple[UnreadableImage, ...] = ()
    notes: tuple[ReadingNote, ...] = ()
    """On images whose levels their files do not define."""

    file: PixelFile | None = None
    """Where the images lie in a file."""

    remark: str = ""
    """What a user must know of where the images lie; often empty."""

    def _parts(self) -> list[str]:
        size = "×".join(map(str, self.images.shape[1:]))
        return [f"{counted(len(self.ids), 'picture')} of {size}", f"{len(self.unreadable)} unreadable"]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_in_memory(self) -> bool:
        """Whether taking rows costs no reading."""
        return self.file is None and isinstance(self.images, np.ndarray)

    def rows(self, rows: Rows) -> Pixels:
        """Return some images, (len(rows), H, W, C), read or decoded where they are not in memory."""
        return self.images[rows] if self.file is None else self.file.rows(rows)

    def fingerprint(self) -> str:
        """Return a sha256 (hexadecimal) over ids, labels and every decoded pixel."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update("\0".join(self.ids).encode("utf-8", "surrogateescape"))
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        at_once = max(1, _HASHED_BYTES // max(1, math.prod(self.images.shape[1:])))
        for start in range(0, len(self.images), at_once):
            digest.update(np.ascontiguousarray(self.images[start : start + at_once]).data)
        return digest.hexdigest()


def bytes_of(split: Split, preprocessing: Preprocessing) -> int:
    """Return the bytes of a split's images after this preprocessing, at most; 0 where they are in memory already."""
    if _is_ready(split, preprocessing):
        return 0
    return len(split) * math.prod(preprocessing.shape)


def load_split(
    split: Split,
    preprocessing: Preprocessing,
    *,
    memory_budget_bytes: int = MEMORY_BUDGET,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageStore:
    """Decode a split and bring every image to the size of `preprocessing`.

    Args:
        split: of a Dataset.
        preprocessing: the size, channels and policy.
        memory_budget_bytes: a larger result lies in a file, which the next training reuses where the images are files
            or their content; that of resized arrays goes with the store. Where the disk has no room, images are
            decoded anew whenever they are needed.
        folder: where that file is made. Default: `decoded` in the cache folder.
        progress: called with (images done, images in all).

    Returns:
        Rows in the split's order, without the images that could not be read; the very array, uncopied, where
        the split is an array of the right shape.

    Raises:
        DataError: no image could be read, or none of some class.
    """
    if not len(split):
        raise DataError("The split is empty; there is nothing to load.")
    if _is_ready(split, preprocessing):
        return ImageStore(cast(ArrayImages, split.images).gathered(), split.labels, split.ids)
    if bytes_of(split, preprocessing) <= memory_budget_bytes:
        return _in_memory(split, preprocessing, progress)
    place = default_folder() if folder is None else Path(folder)
    try:
        return _in_file(split, preprocessing, place, progress)
    except (NoRoomError, OSError, SaveError) as reason:
        return _streamed(split, preprocessing, progress, place, reason)


def _is_ready(split: Split, preprocessing: Preprocessing) -> bool:
    return isinstance(split.images, ArrayImages) and split.images.array.shape[1:] == preprocessing.shape


def _in_memory(
    split: Split, preprocessing: Preprocessing, progress: Callable[[int, int], None] | None
) -> ImageStore:
    images, count = np.empty((len(split), *preprocessing.shape), np.uint8), 0

    def keep(pixels: Pixels) -> None:
        nonlocal count
        images[count] = pixels
        count += 1

    reading = read_all(split, preprocessing, keep, progress)
    return _store(split, images[:count], reading)


def _in_file(
    split: Split, preprocessing: Preprocessing, folder: Path, progress: Callable[[int, int], None] | None
) -> ImageStore:
    def decode(writer: PixelWriter) -> Reading:
        return read_all(split, preprocessing, writer.append, progress)

    if not isinstance(split.images, ArrayImages):
        found = cached(split, preprocessing, decode, folder)
        if found is None:  # the same words as for few images
            return _in_memory(split, preprocessing, progress)
        file, reading = found
        return _store(split, file.images, reading, file)
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="tellapart-", dir=folder)
    os.close(handle)
    try:
        with PixelWriter(Path(name), bytes_of(split, preprocessing)) as writer:
            reading = decode(writer)
        file = PixelFile(Path(name), len(reading.rows), preprocessing.shape)
    finally:
        with suppress(OSError):  # On Windows it stays while it is open, and is removed as a temporary file.
            os.unlink(name)
    return _store(split, file.images, reading, file)


def _streamed(
    split: Split,
    preprocessing: Preprocessing,
    progress: Callable[[int, int], None] | None,
    folder: Path,
    reason: Exception,
) -> ImageStore:
    reading = read_all(split, preprocessing, lambda _: None, progress)
    readable = split.take(np.array(reading.rows, np.int64))
    remark = (
        "Pictures are decoded again at every step, which is slower: decoded, they take "
        f"{bytes_of(split, preprocessing) / 1e9:.1f} GB, more than --memory allows, and {folder} has no room for them "
        f"({reason}). Free disk space, set XDG_CACHE_HOME to a folder on a larger disk, or raise --memory"
    )
    return _store(split, cast(Pixels, StreamedPixels(readable, preprocessing)), reading, remark=remark)


def _store(
    split: Split, images: Pixels, reading: Reading, file: PixelFile | None = None, remark: str = ""
) -> ImageStore:
    labels = split.labels[reading.rows]
    _check_classes_left(split, labels, reading.unreadable)
    ids = tuple(split.ids[row] for row in reading.rows)
    return ImageStore(images, labels, ids, tuple(reading.unreadable), tuple(reading.notes), file, remark)


def refuse_small_images(shape: ImageShape | None, where: str) -> None:
    """Raise if all images are too small to show anything.

    Args:
        shape: of all images, (height, width, channels); None where they differ.
        where: the place that they come from.

    Raises:
        ConfigError: a side is below SMALLEST_SIDE.
    """
    if shape is not None and min(shape[:2]) < SMALLEST_SIDE:
        raise ConfigError(
            f"{where}: the pictures are {shape[0]} x {shape[1]} pixels, too small to tell anything apart. Give "
            f"pictures of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels."
        )


def _check_classes_left(split: Split, labels: NDArray[Any], unreadable: list[UnreadableImage]) -> None:
    if not unreadable:
        return
    shown = "\n".join(f"  {picture.reason}" for picture in unreadable[:5])
    more = f"\n  and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
    if not len(labels):
        raise DataError(f"None of the {len(split)} pictures could be read:\n{shown}{more}")
    if are_several(labels):
        _check_labels_left(split.labels, labels, shown + more)
        return
    emptied = sorted(set(split.labels.tolist()) - set(labels.tolist()))
    if emptied:
        folders = sorted(
            {str(Path(split.ids[row]).parent) for row in np.flatnonzero(np.isin(split.labels, emptied))}
        )
        raise DataError(
            f"No picture of {', '.join(folders)} could be read, so a class is left empty:\n{shown}{more}\n"
            "Replace these files, or remove the class."
        )


def _check_labels_left(before: NDArray[Any], after: NDArray[Any], shown: str) -> None:
    emptied = np.flatnonzero((before.sum(0) > 0) & (after.sum(0) == 0))
    if len(emptied):
        raise DataError(
            f"No picture with {'one of ' * (len(emptied) > 1)}{len(emptied)} label{'s' * (len(emptied) > 1)} could be "
            f"read (column{'s' * (len(emptied) > 1)} {', '.join(str(label + 1) for label in emptied[:5])}):\n{shown}\n"
            "Replace these files, or remove the label."
        )
