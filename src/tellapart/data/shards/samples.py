"""Samples: a picture with its key and its label, as they lie in a shard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from tellapart.data.shards.index import ShardIndex
from tellapart.errors import DataError


class Sample(NamedTuple):
    """One encoded picture of a shard."""

    key: str
    """Its name within all shards; of parquet rows, made of the shard's name and the row."""

    image: bytes
    label: str
    """As it is written there; empty where there is none."""

    start: int = 0
    """Byte of the shard where the picture's own bytes begin."""


def hash_of(key: str) -> int:
    """Return a 64-bit hash of a picture's key: what is held out of the training pictures goes by it, whatever the
    order of the shards."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:8], "big")


class ClassOf:
    """The class number that a label means."""

    def __init__(self, index: ShardIndex) -> None:
        names = index.class_names
        self._numbers: Mapping[str, int] = {
            str(number) if index.numbered else name: number for number, name in enumerate(names)
        }

    def __call__(self, label: str) -> int:
        """Return a class number.

        Raises:
            DataError: the index has no such class.
        """
        number = self._numbers.get(label)
        if number is None:
            raise DataError(f"its label {label[:60]!r} is none of the classes of the index")
        return number
