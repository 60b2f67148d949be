"""CIFAR-10 and CIFAR-100, in both of their official layouts, as a folder or as the archive.

Binary: per image one label byte (CIFAR-100: a coarse and a fine one), then 1,024 red, green and blue bytes
each. Python: pickled dictionaries with the same rows; see `restricted_pickle`.

Source: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.images import ArrayImages
from tellapart.data.sources.catalog import KNOWN_SETS
from tellapart.data.sources.formats.raw import RawSet, RawSplit, labels_within, read_members
from tellapart.data.sources.formats.restricted_pickle import read_batch
from tellapart.data.types import Pixels
from tellapart.errors import DataError

_PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class _Facts:
    """What differs between the two sets."""

    classes: int
    label_bytes: int
    """In a binary record; the last one is the label that counts."""

    binary_files: dict[str, tuple[str, ...]]
    python_files: dict[str, tuple[str, ...]]
    python_labels: str


_CIFAR10 = _Facts(
    classes=10,
    label_bytes=1,
    binary_files={
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    python_files={
        "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
        "test": ("test_batch",),
    },
    python_labels="labels",
)
_CIFAR100 = _Facts(
    classes=100,
    label_bytes=2,
    binary_files={"train": ("train.bin",), "test": ("test.bin",)},
    python_files={"train": ("train",), "test": ("test",)},
    python_labels="fine_labels",
)


def read_cifar10_binary(place: Path) -> RawSet:
    """Read `cifar-10-batches-bin/` or `cifar-10-binary.tar.gz`."""
    return _read_binary(place, _CIFAR10, KNOWN_SETS["cifar10"].class_names)


def read_cifar100_binary(place: Path) -> RawSet:
    """Read `cifar-100-binary/` or `cifar-100-binary.tar.gz`, with the fine labels."""
    return _read_binary(place, _CIFAR100, KNOWN_SETS["cifar100"].class_names)


def read_cifar10_python(place: Path) -> RawSet:
    """Read `cifar-10-batches-py/` or `cifar-10-python.tar.gz`."""
    return _read_python(place, _CIFAR10, KNOWN_SETS["cifar10"].class_names)


def read_cifar100_python(place: Path) -> RawSet:
    """Read `cifar-100-python/` or `cifar-100-python.tar.gz`, with the fine labels."""
    return _read_python(place, _CIFAR100, KNOWN_SETS["cifar100"].class_names)


def _read_binary(place: Path, facts: _Facts, class_names: tuple[str, ...]) -> RawSet:
    record_bytes = facts.label_bytes + _PIXEL_BYTES
    contents = read_members(place, [name for names in facts.binary_files.values() for name in names])
    for name, content in contents.items():
        if not content or len(content) % record_bytes:
            raise DataError(
                f"{place / name}: {len(content):,} bytes, not a whole number of pictures of {record_bytes:,} "
                "bytes. It is truncated or of another kind; download it again."
            )
    splits = {}
    for split, names in facts.binary_files.items():
        records = np.concatenate(
            [np.frombuffer(contents.pop(name), np.uint8).reshape(-1, record_bytes) for name in names]
        )
        labels = records[:, facts.label_bytes - 1]
        splits[split] = RawSplit(
            ArrayImages(_channels_last(records[:, facts.label_bytes :])),
            labels_within(labels, facts.classes, f"{place} ({split})"),
        )
    return RawSet(splits, class_names)


def _read_python(place: Path, facts: _Facts, class_names: tuple[str, ...]) -> RawSet:
    contents = read_members(place, [name for names in facts.python_files.values() for name in names])
    splits = {}
    for split, names in facts.python_files.items():
        batches = [_batch(contents.pop(name), facts, str(place / name)) for name in names]
        splits[split] = RawSplit(
            ArrayImages(np.concatenate([images for images, _ in batches])),
            np.concatenate([labels for _, labels in batches]),
        )
    return RawSet(splits, class_names)


def _batch(content: bytes, facts: _Facts, where: str) -> tuple[Pixels, np.ndarray]:
    batch = read_batch(content, where)
    pixels: Any = batch.get("data")
    labels: Any = batch.get(facts.python_labels)
    if isinstance(labels, np.ndarray) and labels.ndim == 1:
        labels = labels.tolist()
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
        raise DataError(
            f"{where}: holds {', '.join(batch)[:200] or 'nothing'}; expected data (an array) and "
            f"{facts.python_labels} (a list)."
        )
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXEL_BYTES or not len(pixels):
        raise DataError(
            f"{where}: data is {pixels.dtype} {pixels.shape}; expected uint8 (pictures, {_PIXEL_BYTES})."
        )
    if len(labels) != len(pixels):
        raise DataError(f"{where}: {len(pixels)} pictures and {len(labels)} labels.")
    if not all(isinstance(label, int) and -1 < label < 2**60 for label in labels):
        raise DataError(f"{where}: {facts.python_labels} holds something other than whole numbers.")
    return _channels_last(pixels), labels_within(np.asarray(labels), facts.classes, where)


def _channels_last(rows: Pixels) -> Pixels:
    """Turn rows (N, 3072) of red, green and blue planes into (N, 32, 32, 3)."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
