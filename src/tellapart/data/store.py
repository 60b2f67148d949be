"""Decoded pictures of one size, ready to be gathered by row: in memory, or memory-mapped when they are many.

A picture that cannot be read is left out and named, never deleted.

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
from tellapart.data.images import ArrayImages
from tellapart.data.preprocess import Preprocessing
from tellapart.data.types import Pixels
from tellapart.errors import DataError, PictureError, SaveError

_CHUNK = 512
"""Pictures decoded between two looks at progress; bounds what waits in memory."""


@dataclass(frozen=True, slots=True)
class UnreadableImage:
    """A picture that could not be read."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ImageStore:
    """Pictures of one shape, with labels and ids in the same rows."""

    images: Pixels
    """(N, H, W, C) uint8; memory-mapped when larger than the budget. Not to be written to."""

    labels: NDArray[np.int64]
    """(N,)."""

    ids: tuple[str, ...]
    unreadable: tuple[UnreadableImage, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def fingerprint(self) -> str:
        """A sha256 (hexadecimal) over ids, labels and every decoded pixel."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update("\0".join(self.ids).encode("utf-8", "surrogateescape"))
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        for start in range(0, len(self.images), 4096):
            digest.update(np.ascontiguousarray(self.images[start : start + 4096]).data)
        return digest.hexdigest()


def load_split(
    split: Split,
    preprocessing: Preprocessing,
    *,
    memory_budget_bytes: int = 2 << 30,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImageStore:
    """Decode a split and bring every picture to the size of `preprocessing`.

    Args:
        split: from a Source.
        preprocessing: the size, channels and policy.
        memory_budget_bytes: a larger result is kept in a memory-mapped file, which is removed with it.
        folder: where that file goes; the system's temporary folder by default.
        progress: called with (pictures done, pictures in all).

    Returns:
        Rows in the split's order, without the pictures that could not be read; for an array that already has
        the right shape, the very array.

    Raises:
        DataError: no picture could be read, or none of some class.
        SaveError: the memory-mapped file does not fit on the disk.
    """
    if not len(split):
        raise DataError("A split without pictures cannot be loaded.")
    if isinstance(split.images, ArrayImages) and split.images.array.shape[1:] == preprocessing.shape:
        return ImageStore(split.images.gathered(), split.labels, split.ids)
    images = _room_for((len(split), *preprocessing.shape), memory_budget_bytes, folder)
    kept: list[int] = []
    unreadable: list[UnreadableImage] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(split), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(split)))
            for row, picture in zip(
                rows, threads.map(lambda row: _read(split, row, preprocessing), rows), strict=True
            ):
                if isinstance(picture, UnreadableImage):
                    unreadable.append(picture)
                    continue
                images[len(kept)] = picture
                kept.append(row)
            if progress is not None:
                progress(rows.stop, len(split))
    labels = split.labels[kept]
    _refuse_empty(split, labels, unreadable)
    return ImageStore(images[: len(kept)], labels, tuple(split.ids[row] for row in kept), tuple(unreadable))


def _read(split: Split, row: int, preprocessing: Preprocessing) -> Pixels | UnreadableImage:
    try:
        return preprocessing.apply(split.images.read(row))
    except PictureError as reason:
        return UnreadableImage(split.ids[row], str(reason))


def _refuse_empty(split: Split, labels: NDArray[np.int64], unreadable: list[UnreadableImage]) -> None:
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


def _room_for(
    shape: tuple[int, ...], memory_budget_bytes: int, folder: str | os.PathLike[str] | None
) -> Pixels:
    size = int(np.prod(shape, dtype=np.int64))
    if size <= memory_budget_bytes:
        return np.empty(shape, np.uint8)
    folder = Path(folder) if folder is not None else Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise SaveError(_no_room(folder, size, free))
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
                raise SaveError(_no_room(folder, size, shutil.disk_usage(folder).free)) from reason


def _unlink_quietly(name: str) -> None:
    Path(name).unlink(missing_ok=True)


def _no_room(folder: Path, size: int, free: int) -> str:
    return (
        f"{folder}: {size:,} bytes are needed for the decoded pictures and {free:,} are free. "
        "Choose smaller pictures, or a folder on a larger disk (TMPDIR)."
    )
