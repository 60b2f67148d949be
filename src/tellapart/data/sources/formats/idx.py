"""The idx files of MNIST and its relatives: a magic number, the sizes, then the bytes; gzipped or not.

Source: the format's description on the MNIST page, http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from tellapart.data.images import ArrayImages
from tellapart.data.sources.formats.raw import RawSet, RawSplit, labels_within
from tellapart.data.types import Pixels
from tellapart.errors import DataError
from tellapart.untrusted.regular_file import most_unpacked, open_regular

_UINT8 = 8
"""The type code of unsigned bytes, the only one that these sets use."""

_MOST_SIDES = 4

_PREFIXES = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("t10k", "test")}


def read_idx(path: Path) -> Pixels:
    """Read one idx file of unsigned bytes, of up to four dimensions.

    Raises:
        DataError: not an idx file, truncated, with surplus bytes, or claiming more than it can hold.
    """
    try:
        with open_regular(path) as raw:
            size = os.fstat(raw.fileno()).st_size
            is_packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=raw) as file:
                    return _read(file, path, most_unpacked(size))  # type: ignore[arg-type]
            return _read(raw, path, size)
    except (OSError, EOFError, zlib.error) as reason:
        why = getattr(reason, "strerror", None) or reason
        raise DataError(f"{path}: truncated or damaged ({why}). Download it again.") from reason


def _read(file: IO[bytes], path: Path, most: int) -> Pixels:
    """Read header and data, of which there are at most so many bytes."""
    beginning = file.read(4)
    if beginning[:3] != bytes([0, 0, _UINT8]) or beginning[3:] not in map(_byte, range(1, _MOST_SIDES + 1)):
        raise DataError(
            f"{path}: begins with {beginning.hex(' ') or 'nothing'}; an idx file of bytes begins with "
            f"00 00 08 and its number of dimensions, at most {_MOST_SIDES}. Download it again."
        )
    sides = file.read(4 * beginning[3])
    shape = tuple(int.from_bytes(sides[place : place + 4], "big") for place in range(0, len(sides), 4))
    expected = math.prod(shape)
    data = file.read(expected + 1) if expected <= most else file.read(1)
    if len(sides) < 4 * beginning[3] or len(data) != expected:
        held = f"more than {expected:,}" if len(data) > expected else f"{len(data):,}"
        raise DataError(
            f"{path}: {held if expected <= most else f'at most {most:,}'} bytes of data; its header {shape} asks for "
            f"{expected:,}. It is truncated or damaged; download it again."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _byte(value: int) -> bytes:
    return bytes([value])


def read_idx_folder(folder: Path) -> RawSet:
    """Read `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`; `.gz` or not, `-idx3` or `.idx3`.

    Raises:
        DataError: a file is missing or damaged, or images and labels differ in number.
    """
    splits = {}
    for split, prefixes in _PREFIXES.items():
        images = _find_file(folder, prefixes, "images", 3)
        labels = _find_file(folder, prefixes, "labels", 1)
        if images is not None and labels is not None:
            splits[split] = _read_pair(images, labels)
        elif images is not None or labels is not None or split == "train":
            raise DataError(
                f"{folder}: {'labels' if images else 'images'} of the {split} split missing (looked for "
                f"{prefixes[0]}-images-idx3-ubyte and {prefixes[0]}-labels-idx1-ubyte, with and without .gz)."
            )
    return RawSet(splits)


def holds_idx(folder: Path) -> bool:
    """Return whether the folder holds a file named like MNIST's training images."""
    return _find_file(folder, _PREFIXES["train"], "images", 3) is not None


def _find_file(folder: Path, prefixes: tuple[str, ...], kind: str, rank: int) -> Path | None:
    names = [
        f"{prefix}-{kind}{joint}idx{rank}-ubyte{packed}"
        for prefix in prefixes
        for joint in "-."
        for packed in ("", ".gz")
    ]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_pair(images_path: Path, labels_path: Path) -> RawSplit:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim not in (3, 4) or labels.ndim != 1 or not images.size:
        raise DataError(
            f"{images_path}: pictures {images.shape}, labels {labels.shape}; expected (N, height, width) "
            "and (N,), not empty."
        )
    if len(images) != len(labels):
        raise DataError(
            f"{images_path}: {len(images)} pictures, and {labels_path.name} has {len(labels)} labels."
        )
    images = images[..., None] if images.ndim == 3 else images
    return RawSplit(ArrayImages(images), labels_within(labels, 256, str(labels_path)))
