"""The idx files of MNIST and its relatives: a magic number, the sizes, then the bytes; gzipped or not.

Source: the format's description on the MNIST page, http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from tellapart.data.images import ArrayImages
from tellapart.data.sources.formats.raw import RawSet, RawSplit, labels_within
from tellapart.data.types import Pixels
from tellapart.errors import DataError

_UINT8 = 8
"""The type code of unsigned bytes, the only one that these sets use."""

_PREFIXES = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("t10k", "test")}


def read_idx(path: Path) -> Pixels:
    """Read one idx file of unsigned bytes, of any rank.

    Raises:
        DataError: not an idx file, truncated, or with surplus bytes.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UINT8 or content[3] == 0:
        raise DataError(
            f"{path}: begins with {content[:4].hex(' ') or 'nothing'}; an idx file of bytes begins with "
            "00 00 08 and its number of dimensions. Download it again."
        )
    start = 4 + 4 * content[3]
    shape = tuple(int(side) for side in np.frombuffer(content[4:start], ">u4"))
    expected = int(np.prod(shape, dtype=np.int64))
    if len(content) < start or len(content) - start != expected:
        raise DataError(
            f"{path}: {max(len(content) - start, 0):,} bytes of data; its header {shape} asks for "
            f"{expected:,}. It is truncated or damaged; download it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


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


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as reason:
        raise DataError(f"{path}: truncated or damaged ({reason}). Download it again.") from reason
