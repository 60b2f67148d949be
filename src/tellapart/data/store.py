"""A whole split decoded to one size: in memory, or in a memory-mapped file where it is larger than the budget.

An image that cannot be read is left out and named; its file is never deleted.

Knows nothing of batches or augmentation.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.data.dataset import Split
from tellapart.data.fitted import FittedImage, fitted
from tellapart.data.images import ArrayImages
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import ReadingNote
from tellapart.data.types import ImageShape, Pixels
from tellapart.errors import ConfigError, DataError, PictureError, SaveError
from tellapart.untrusted.large_images import large_images_alone

_CHUNK = 512
"""Images decoded between two reports of progress; bounds what waits in memory."""

_HASHED_AT_ONCE = 4096
"""Images that a fingerprint reads at a time."""

SMALLEST_SIDE = 8
"""Pixels. An image with a smaller side is left out: it shows nothing."""


@dataclass(frozen=True, slots=True)
class UnreadableImage:
    """An image that could not be read or is too small, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ImageStore:
    """Images of one shape, with labels and ids in the same rows."""

    images: Pixels
    """(N, H, W, C) uint8; memory-mapped where larger than the budget. Never written to."""

    labels: NDArray[np.int64]
    """(N,)."""

    ids: tuple[str, ...]
    unreadable: tuple[UnreadableImage, ...] = ()
    notes: tuple[ReadingNote, ...] = ()
    """On images whose levels their files do not define."""

    def __len__(self) -> int:
        return len(self.ids)

    def fingerprint(self) -> str:
        """Return a sha256 (hexadecimal) over ids, labels and every decoded pixel."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update("\0".join(self.ids).encode("utf-8", "surrogateescape"))
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        for start in range(0, len(self.images), _HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[start : start + _HASHED_AT_ONCE]).data)
        return digest.hexdigest()


def load_split(
    split: Split,
    preprocessing: Preprocessing,
    *,
    memory_budget_bytes: int = 2 << 30,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageStore:
    """Decode a split and bring every image to the size of `preprocessing`.

    Args:
        split: of a Dataset.
        preprocessing: the size, channels and policy.
        memory_budget_bytes: a larger result lies in a memory-mapped file, which goes when the array goes.
        folder: where that file is made. Default: the system's temporary folder.
        progress: called with (images done, images in all).

    Returns:
        Rows in the split's order, without the images that could not be read; the very array, uncopied, where
        the split is an array of the right shape.

    Raises:
        DataError: no image could be read, or none of some class.
        SaveError: the memory-mapped file does not fit on the disk.
    """
    if not len(split):
        raise DataError("The split is empty; there is nothing to load.")
    if isinstance(split.images, ArrayImages) and split.images.array.shape[1:] == preprocessing.shape:
        return ImageStore(split.images.gathered(), split.labels, split.ids)
    images = _allocate((len(split), *preprocessing.shape), memory_budget_bytes, folder)
    kept: list[int] = []
    unreadable: list[UnreadableImage] = []
    notes: list[ReadingNote] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(split), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(split)))
            for row, picture in zip(
                rows, threads.map(lambda row: _read(split, row, preprocessing), rows), strict=True
            ):
                if isinstance(picture, UnreadableImage):
                    unreadable.append(picture)
                    continue
                images[len(kept)] = picture.pixels
                kept.append(row)
                if picture.note:
                    notes.append(ReadingNote(split.ids[row], picture.note))
            if progress is not None:
                progress(rows.stop, len(split))
    labels = split.labels[kept]
    _check_classes_left(split, labels, unreadable)
    ids = tuple(split.ids[row] for row in kept)
    return ImageStore(images[: len(kept)], labels, ids, tuple(unreadable), tuple(notes))


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


def _read(split: Split, row: int, preprocessing: Preprocessing) -> FittedImage | UnreadableImage:
    with large_images_alone():
        return _read_and_fit(split, row, preprocessing)


def _read_and_fit(split: Split, row: int, preprocessing: Preprocessing) -> FittedImage | UnreadableImage:
    try:
        image = fitted(split.images.source(row), preprocessing)
    except PictureError as reason:
        return UnreadableImage(split.ids[row], str(reason).replace("<bytes>", split.ids[row], 1))
    height, width = image.size
    if min(height, width) < SMALLEST_SIDE:
        size = f"{height} x {width} pixels, less than {SMALLEST_SIDE} x {SMALLEST_SIDE}"
        return UnreadableImage(split.ids[row], f"{split.ids[row]}: too small: {size}")
    return image


def _check_classes_left(split: Split, labels: NDArray[np.int64], unreadable: list[UnreadableImage]) -> None:
    if not unreadable:
        return
    shown = "\n".join(f"  {picture.reason}" for picture in unreadable[:5])
    more = f"\n  and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
    if not len(labels):
        raise DataError(f"None of the {len(split)} pictures could be read:\n{shown}{more}")
    emptied = sorted(set(split.labels.tolist()) - set(labels.tolist()))
    if emptied:
        folders = sorted(
            {str(Path(split.ids[row]).parent) for row in np.flatnonzero(np.isin(split.labels, emptied))}
        )
        raise DataError(
            f"No picture of {', '.join(folders)} could be read, so a class is left empty:\n{shown}{more}\n"
            "Replace these files, or remove the class."
        )


def _allocate(
    shape: tuple[int, ...], memory_budget_bytes: int, folder: str | os.PathLike[str] | None
) -> Pixels:
    """Return an array to decode into: in memory, or mapped to a file that has no name any more."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= memory_budget_bytes:
        return np.empty(shape, np.uint8)
    folder = Path(folder) if folder is not None else Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise SaveError(_disk_full(folder, size, free))
    handle, name = tempfile.mkstemp(prefix="tellapart-", suffix=".npy", dir=folder)
    os.close(handle)
    images = np.lib.format.open_memmap(name, mode="w+", dtype=np.uint8, shape=shape)
    # The name goes as soon as the system allows: at once on POSIX, where the space is freed with the last
    # mapping whatever happens to the process; on Windows when the array goes.
    try:
        _reserve(name, folder, size)
    finally:
        try:
            os.unlink(name)
        except OSError:
            weakref.finalize(images, _unlink_quietly, name)
    return images


def _reserve(name: str, folder: Path, size: int) -> None:
    """Claim the file's blocks now: writing into a mapped hole on a full disk would kill the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(name, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        except OSError as reason:
            if reason.errno == errno.ENOSPC:
                raise SaveError(_disk_full(folder, size, shutil.disk_usage(folder).free)) from reason


def _unlink_quietly(name: str) -> None:
    Path(name).unlink(missing_ok=True)


def _disk_full(folder: Path, size: int, free: int) -> str:
    return (
        f"{folder}: {size:,} bytes are needed for the decoded pictures and {free:,} are free. "
        "Choose smaller pictures, or a folder on a larger disk (TMPDIR)."
    )
