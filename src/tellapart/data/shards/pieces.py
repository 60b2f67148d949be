"""Pieces: the pictures of one split, read from its shards part by part, where what is damaged is left out and named."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.data.shards.formats import FORMATS
from tellapart.data.shards.index import Piece, Shard, ShardIndex, checksum_of
from tellapart.data.shards.places import read_range
from tellapart.data.shards.samples import ClassOf, hash_of
from tellapart.text import counted

READERS = 8
"""Parts that are read at once."""


class Encoded(NamedTuple):
    """One encoded picture with its class."""

    id: str
    image: bytes
    label: int


@dataclass(frozen=True, slots=True)
class DamagedPiece:
    """A part of a shard that cannot be used."""

    shard: str
    pictures: int
    reason: str

    @property
    def in_words(self) -> str:
        """The shard, how much of it is left out, and why."""
        return f"{self.shard}: {self.reason}; {counted(self.pictures, 'picture')} left out"


class SplitPieces:
    """The parts of one split's shards, by number."""

    def __init__(self, index: ShardIndex, split: str) -> None:
        """Number the parts.

        Args:
            index: of the shards.
            split: whose shards are read.
        """
        self._index = index
        self._places: list[tuple[Shard, int]] = [
            (shard, number) for shard in index.of_split(split) for number in range(len(shard.pieces))
        ]
        self._held_below = index.held_below if split == "train" else 0
        self._class_of = ClassOf(index)
        self.counts: NDArray[np.int64] = np.array(
            [shard.pieces[number].pictures for shard, number in self._places], np.int64
        )
        """(pieces,) pictures of each."""

        self.damaged: dict[int, DamagedPiece] = {}
        """By number of the part, in the order in which they were met."""

    def read(self, number: int) -> Sequence[Encoded]:
        """Return the pictures of a part; none where it cannot be used, which is noted."""
        shard, within = self._places[number]
        piece = shard.pieces[within]
        try:
            return self._read(shard, within, piece)
        except (OSError, ValueError) as reason:
            words = str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
            self.damaged.setdefault(number, DamagedPiece(shard.name, piece.pictures, words))
            return ()

    def _read(self, shard: Shard, within: int, piece: Piece) -> list[Encoded]:
        content = read_range(shard.address, piece.start, piece.start + piece.size)
        if len(content) != piece.size:
            raise ValueError(f"cut off: it should have {shard.size:,} bytes")
        if piece.checksum is not None and checksum_of(content) != piece.checksum:
            raise ValueError(f"a wrong checksum from byte {piece.start:,} on")
        samples = FORMATS[self._index.kind].samples(shard, within, content, self._index.label_column)
        kept = [
            sample for sample in samples if not self._held_below or hash_of(sample.key) >= self._held_below
        ]
        if len(kept) != piece.pictures:
            raise ValueError(
                f"{len(kept):,} pictures from byte {piece.start:,} on, where the index counts {piece.pictures:,}"
            )
        return [
            Encoded(f"{shard.name}/{sample.key}", sample.image, self._class_of(sample.label))
            for sample in kept
        ]


class PieceBuffer:
    """Parts that are read ahead and held as long as they are wanted."""

    def __init__(self, pieces: SplitPieces) -> None:
        self._pieces = pieces
        self._threads = ThreadPoolExecutor(READERS, "tellapart shards")
        self._held: dict[int, Future[Sequence[Encoded]]] = {}
        self._lock = threading.Lock()

    def want(self, numbers: Collection[int]) -> None:
        """Begin to read these parts, in this order, and let go of all others."""
        with self._lock:
            for number in self._held.keys() - set(numbers):
                self._held.pop(number).cancel()
            for number in numbers:
                if number not in self._held:
                    self._held[number] = self._threads.submit(self._pieces.read, number)

    def __getitem__(self, number: int) -> Sequence[Encoded]:
        """Return the pictures of a wanted part; waits until it is read."""
        with self._lock:
            reading = self._held[number]
        return reading.result()


def damage_in_words(damaged: Iterable[DamagedPiece]) -> list[str]:
    """Return a line for each shard: `train-000003.tar: a wrong checksum from byte 0 on; 256 pictures left out`."""
    by_shard: dict[str, list[DamagedPiece]] = {}
    for piece in damaged:
        by_shard.setdefault(piece.shard, []).append(piece)
    return [
        DamagedPiece(shard, sum(piece.pictures for piece in pieces), pieces[0].reason).in_words
        for shard, pieces in by_shard.items()
    ]
