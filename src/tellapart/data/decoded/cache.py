"""Cache of decoded images: what was decoded for one training is there for the next, and for others at the same time.

A folder for each split, size and state of the files, named by a digest of these: files that changed in size or time, or
another preprocessing, make another folder. Whoever comes first decodes while it holds the folder's lock; others wait
for it, then read the same file. What was not used for long, or would fill the disk, is removed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tellapart.data.dataset import Split
from tellapart.data.decoded.pixel_file import NoRoomError, PixelFile, PixelWriter, is_whole
from tellapart.data.decoded.reading import Reading
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import ReadingNote, UnreadableImage
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.files import write_whole
from tellapart.paths import cache_folder

FOLDER = "decoded"
"""Of the cache folder."""

LARGEST = 100 << 30
"""Bytes of all that is kept."""

UNUSED_DAYS = 30
"""After which decoded images are removed."""

ROOM_LEFT = 2 << 30
"""Bytes of the disk that stay free."""

_FORMAT = 1
"""Of the files; and of the pixels, which a change of decoding or resampling alters."""

_PIXELS, _INDEX, _LOCK = "pixels", "index.json", ".lock"
_OWN_NAME = re.compile("[0-9a-f]{32}")

Decode = Callable[[PixelWriter], Reading]


def default_folder() -> Path:
    """Return where decoded images are kept."""
    return cache_folder() / FOLDER


def cached(
    split: Split, preprocessing: Preprocessing, decode: Decode, folder: Path
) -> tuple[PixelFile, Reading] | None:
    """Return a split's decoded images, from the cache or decoded into it.

    Args:
        split: whose images are files, or their content.
        preprocessing: the size, channels and policy.
        decode: decodes all images into a writer.
        folder: the cache.

    Returns:
        The images and what was read; None where no image could be.

    Raises:
        NoRoomError: the disk has no room for them, even without what others left.
        OSError: the folder cannot be written.
    """
    from filelock import FileLock

    place = folder / _key(split, preprocessing)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / _LOCK):
        known = _known(place, split, preprocessing)
        if known is None:
            known = _decoded(place, split, preprocessing, decode)
        if known is not None:
            os.utime(place / _INDEX)  # the latest use
        return known


def _key(split: Split, preprocessing: Preprocessing) -> str:
    digest = hashlib.sha256(json.dumps([_FORMAT, preprocessing.to_dict()], sort_keys=True).encode())
    for row, name in enumerate(split.ids):
        digest.update(f"{name}\0{_stamp_of(split, row)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _stamp_of(split: Split, row: int) -> str:
    try:
        return stamp(split.images.source(row))
    except PictureError:  # whoever decodes will name it
        return "cannot be read"


def stamp(source: Path | bytes | Pixels) -> str:
    """Return what tells one state of an image's file or content from another."""
    if isinstance(source, bytes | np.ndarray):
        content = source if isinstance(source, bytes) else np.ascontiguousarray(source).data
        return hashlib.sha256(content).hexdigest()
    try:
        state = os.stat(source)
    except (OSError, ValueError):
        return "cannot be read"
    return f"{os.path.abspath(source)}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}"


def _known(place: Path, split: Split, preprocessing: Preprocessing) -> tuple[PixelFile, Reading] | None:
    """Return what an earlier training has decoded, if it is complete and undamaged."""
    try:
        index = json.loads((place / _INDEX).read_bytes())
        rows = index["rows"]
        reading = Reading(
            list(range(len(split))) if rows is None else rows,
            [UnreadableImage(**each) for each in index["unreadable"]],
            [ReadingNote(**each) for each in index["notes"]],
        )
        checksums = index["checksums"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    count, each = len(reading.rows), math.prod(preprocessing.shape)
    if not count or not is_whole(place / _PIXELS, checksums, count, each):
        return None
    return PixelFile(place / _PIXELS, count, preprocessing.shape), reading


def _decoded(
    place: Path, split: Split, preprocessing: Preprocessing, decode: Decode
) -> tuple[PixelFile, Reading] | None:
    (place / _INDEX).unlink(missing_ok=True)  # without it, pixels count for nothing
    (place / _PIXELS).unlink(missing_ok=True)
    most = len(split) * math.prod(preprocessing.shape)
    make_room(place.parent, most, keep=place)
    try:
        with PixelWriter(place / _PIXELS, most) as writer:
            reading = decode(writer)
    except BaseException:
        with suppress(OSError):
            (place / _PIXELS).unlink(missing_ok=True)
        raise
    if not reading.rows:
        (place / _PIXELS).unlink()
        return None
    index = {
        "rows": None if len(reading.rows) == len(split) else reading.rows,
        "unreadable": [asdict(each) for each in reading.unreadable],
        "notes": [asdict(each) for each in reading.notes],
        "checksums": writer.checksums,
    }
    content = json.dumps(index).encode()
    write_whole(place / _INDEX, lambda file: _write(file, content))
    return PixelFile(place / _PIXELS, len(reading.rows), preprocessing.shape), reading


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def make_room(folder: Path, needed: int, keep: Path) -> None:
    """Remove what was not used for long, and of the rest the oldest until there is room.

    Args:
        folder: the cache.
        needed: bytes that will be written.
        keep: the folder that they are for.

    Raises:
        NoRoomError: there is none even so; then only what is long unused has been removed.
    """
    others = sorted(
        (_last_use(place), place) for place in folder.iterdir() if place.is_dir() and place != keep
    )
    too_old = time.time() - UNUSED_DAYS * 24 * 3600
    for last_use, place in others:
        if last_use < too_old:
            _remove(place)
            with suppress(OSError):  # by now nobody waits for its lock
                (place / _LOCK).unlink(missing_ok=True)
                place.rmdir()
    kept = [place for last_use, place in others if last_use >= too_old]
    sizes = [_size(place) for place in kept]
    free = shutil.disk_usage(folder).free - ROOM_LEFT
    if needed > LARGEST or needed > free + sum(sizes):
        raise NoRoomError(f"{needed:,} bytes are needed, {max(0, free):,} free")
    while kept and (needed > free or sum(sizes) + needed > LARGEST):
        _remove(kept.pop(0))
        free += sizes.pop(0)
    if needed > shutil.disk_usage(folder).free - ROOM_LEFT:  # somebody still reads what was removed
        raise NoRoomError(f"{needed:,} bytes are needed")


def _places(folder: Path) -> list[Path]:
    """Return the folders that this file has made; whatever else lies there is somebody's own."""
    return [place for place in folder.iterdir() if _OWN_NAME.fullmatch(place.name) and place.is_dir()]


def _last_use(place: Path) -> float:
    for name in (_INDEX, _PIXELS, _LOCK):
        with suppress(OSError):
            return (place / name).stat().st_mtime
    return 0.0


def _size(place: Path) -> int:
    try:
        return (place / _PIXELS).stat().st_size
    except OSError:
        return 0


def _remove(place: Path) -> None:
    """Remove decoded images, unless somebody decodes into them; who reads them keeps the open file."""
    from filelock import FileLock, Timeout

    with suppress(OSError, Timeout), FileLock(place / _LOCK, timeout=0):
        for name in (_INDEX, _PIXELS):
            (place / name).unlink(missing_ok=True)
