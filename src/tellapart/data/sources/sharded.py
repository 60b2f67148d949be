"""Shards that are streamed: by address, or a folder with the index that `tellapart data shard` writes.

Training pictures are never all here: `Dataset.shards` says where they are, and the split `train` is a sample of them.
Validation and test pictures are listed, up to a limit, and read when they are asked for. Shards at a plain path without
an index are read in place by `webdataset.py` and `formats/parquet.py`.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.images import EncodedImages
from tellapart.data.sampler import epoch_order
from tellapart.data.shards.formats import FORMATS, kind_of
from tellapart.data.shards.index import INDEX_NAME, HeldOut, ShardIndex
from tellapart.data.shards.listing import listed
from tellapart.data.shards.names import named_shards
from tellapart.data.shards.pieces import Encoded, SplitPieces, damage_in_words
from tellapart.data.shards.places import protocol_of, read_range
from tellapart.data.shards.samples import Sample
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.types import ImageShape
from tellapart.errors import ConfigError, DataError
from tellapart.paths import real_path
from tellapart.text import counted, few_names

SAMPLE_PICTURES, SAMPLE_BYTES, SAMPLE_PIECES = 2_000, 64 << 20, 64
"""Of the sample of training pictures, at most: as many as a first layer is initialized from, of parts all over."""

MOST_IN_SPLIT = 20_000
"""Validation or test pictures that are used, at most."""

PIECES_KEPT = 16
"""Parts of validation and test shards that are in memory at a time."""


SHAPES_READ = 16
"""Validation or test pictures that are fetched to learn their shapes."""


class _Place(NamedTuple):
    """Where a picture of a split lies."""

    piece: int
    row: int


def _address_of(request: OpenRequest) -> str | None:
    """Return the address of what is meant; None: it is no shards."""
    data, path = request.data, request.path
    if path is None or request.choice.file is not None or request.choice.pattern is not None:
        return None
    if not isinstance(data, str) or not protocol_of(data):
        is_index = path.name == INDEX_NAME and path.is_file()
        has_index = path.is_dir() and (path / INDEX_NAME).is_file()
        return real_path(path).as_posix() if is_index or has_index else None
    name = data.partition("://")[2].partition("?")[0].partition("/")[2].rpartition("/")[2]
    is_other_file = os.path.splitext(name)[1][1:].isalpha()
    return data if name == INDEX_NAME or kind_of(name) is not None or not is_other_file else None


def _accepts_address(request: OpenRequest) -> bool:
    return _address_of(request) is not None and bool(protocol_of(os.fspath(request.data)))


def _accepts_folder(request: OpenRequest) -> bool:
    return _address_of(request) is not None and not protocol_of(os.fspath(request.data))


def _open(request: OpenRequest) -> Dataset:
    address = _address_of(request)
    assert address is not None
    column = None if request.choice.label_column is None else str(request.choice.label_column)
    named = named_shards(address)
    if column is not None and named.index is not None:
        raise ConfigError(f"{address}: {INDEX_NAME} says what the labels are. Leave out the label column.")
    index = named.index or listed(named.addresses, column, request.progress)
    notices = _assumed(index, named.index is None)
    splits: dict[str, Split] = {}
    for name in SPLIT_NAMES:
        if index.pictures(name) and name == "train":
            splits[name], told = _sample(index)
        elif index.pictures(name):
            splits[name], told = _whole_split(index, name)
        elif held_out := [held for held in index.held_out if held.split == name]:
            splits[name], told = _held_out(index, held_out), []
        else:
            continue
        notices += told
    if not splits:
        raise DataError(f"{address}: the shards hold no pictures.")
    name = (
        address.rstrip("/")
        .removesuffix(f"/{INDEX_NAME}")
        .rpartition("/")[2]
        .partition("{")[0]
        .partition("*")[0]
    )
    name = name.removesuffix(".tar").removesuffix(".parquet").rstrip("-_.") or "shards"
    dataset = assemble(
        name, index.class_names, splits, address, notices=tuple(notices), numbered=index.numbered
    )
    carved = tuple(
        split for split in ("validation", "test") if any(held.split == split for held in index.held_out)
    )
    return dataset.replace(shards=index if index.pictures("train") else None, carved=carved)


def _assumed(index: ShardIndex, was_listed: bool) -> list[str]:
    """Return what is assumed of shards, and what of them is left out."""
    notices = [f"Left out the shard {words}" for words in index.left_out]
    if was_listed:
        whence = "in the schema of the first shard" if index.numbered else "their labels, in natural order"
        notices.append(
            f"No {INDEX_NAME} beside the shards: class names are {whence}: {few_names(index.class_names, 'classes')}"
        )
    if index.held_out:
        splits = " and ".join(dict.fromkeys(held.split for held in index.held_out))
        notices.append(
            f"No {splits} shards: {counted(len(index.held_out), 'training picture')} held out, by a hash of their keys"
        )
    return notices


def _sample(index: ShardIndex) -> tuple[Split, list[str]]:
    """Return some training pictures, of parts all over the shards."""
    pieces = SplitPieces(index, "train")
    numbers = epoch_order(0, 0, len(pieces.counts))[:SAMPLE_PIECES]
    each = -(-SAMPLE_PICTURES // len(numbers))
    taken: list[Encoded] = []
    held = 0
    for number in numbers.tolist():
        for picture in _spread(pieces.read(number), each):
            if held + len(picture.image) <= SAMPLE_BYTES and len(taken) < SAMPLE_PICTURES:
                taken.append(picture)
                held += len(picture.image)
    if not taken:
        reasons = damage_in_words(pieces.damaged.values()) or [
            "its pictures are larger than any that are read"
        ]
        raise DataError(f"No training picture could be read ({reasons[0]}).")
    split = Split(
        _unique([picture.id for picture in taken]),
        np.array([picture.label for picture in taken], np.int64),
        EncodedImages(tuple(picture.image for picture in taken)),
    )
    total = index.pictures("train")
    notices = damage_in_words(pieces.damaged.values())
    if len(taken) < total:
        notices.append(
            f"Training pictures are read from shards as they are needed ({total:,} in "
            f"{counted(len(index.of_split('train')), 'shard')}); {len(taken):,} of them, held in memory, stand for all "
            "where a training looks at its pictures beforehand, and in reports"
        )
    return split, notices


def _spread(pictures: Sequence[Encoded], count: int) -> Sequence[Encoded]:
    """Return at most so many, evenly spread."""
    if len(pictures) <= count:
        return pictures
    return [pictures[place * len(pictures) // count] for place in range(count)]


def _whole_split(index: ShardIndex, name: str) -> tuple[Split, list[str]]:
    """Return the validation or test pictures, or as many as are used, in the shards' order."""
    pieces = SplitPieces(index, name)
    order = epoch_order(0, 0, len(pieces.counts))
    enough = order[: int(np.searchsorted(np.cumsum(pieces.counts[order]), MOST_IN_SPLIT)) + 1]
    cache = _PieceCache(pieces)
    found = list(islice(_listed(cache, sorted(enough.tolist())), MOST_IN_SPLIT))
    if not found:
        raise DataError(f"No {name} picture could be read ({damage_in_words(pieces.damaged.values())[0]}).")
    ids = _unique([identifier for identifier, _, _ in found])
    images = _Fetched(tuple(place for _, _, place in found), cache.image, ids)
    notices = damage_in_words(pieces.damaged.values())
    if len(found) < (total := index.pictures(name)) and len(found) == MOST_IN_SPLIT:
        notices.append(
            f"{len(found):,} of {total:,} {name} pictures are used: parts of the shards drawn at random"
        )
    return Split(ids, np.array([label for _, label, _ in found], np.int64), images), notices


def _listed(cache: _PieceCache, numbers: Sequence[int]) -> Iterator[tuple[str, int, _Place]]:
    for number in numbers:
        for row, picture in enumerate(cache.pictures(number)):
            yield picture.id, picture.label, _Place(number, row)


def _held_out(index: ShardIndex, held_out: Sequence[HeldOut]) -> Split:
    """Return pictures that were held out of the training shards."""
    cache = _HeldOutPictures(index)
    held_out = sorted(held_out, key=lambda held: (held.shard, held.piece, held.row))
    ids = _unique([f"{index.shards[held.shard].name}/{held.key}" for held in held_out])
    return Split(
        ids,
        np.array([held.label for held in held_out], np.int64),
        _Fetched(tuple(held_out), cache.image, ids),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fetched(BlobImages):
    """Pictures of shards, of which few are fetched to learn their shapes."""

    def shapes(self) -> Iterator[ImageShape]:
        """Yield the shapes of a sample."""
        rows = np.arange(0, len(self), max(1, len(self) // SHAPES_READ))
        return BlobImages.shapes(self.take(rows))


class _PieceCache:
    """Parts of shards, of which the last few stay in memory."""

    def __init__(self, pieces: SplitPieces) -> None:
        self._pieces = pieces
        self._kept: OrderedDict[int, Sequence[Encoded]] = OrderedDict()
        self._lock = threading.Lock()

    def pictures(self, number: int) -> Sequence[Encoded]:
        """Return the pictures of a part; none where it is damaged."""
        with self._lock:
            if number not in self._kept:
                self._kept[number] = self._pieces.read(number)
            self._kept.move_to_end(number)
            while len(self._kept) > PIECES_KEPT:
                self._kept.popitem(last=False)
            return self._kept[number]

    def image(self, place: _Place) -> bytes:
        """Return an encoded picture.

        Raises:
            DataError: its part cannot be read any more.
        """
        pictures = self.pictures(place.piece)
        if not pictures:
            raise DataError(self._pieces.damaged[place.piece].in_words)
        return pictures[place.row].image


class _HeldOutPictures:
    """Single pictures of training shards: by their own bytes in a tar file, with their part in a parquet file."""

    def __init__(self, index: ShardIndex) -> None:
        self._index = index
        self._samples = lru_cache(PIECES_KEPT)(self._read)

    def _read(self, shard: int, piece: int) -> list[Sample]:
        whole = self._index.shards[shard]
        start, size = whole.pieces[piece][:2]
        content = read_range(whole.address, start, start + size)
        return FORMATS[self._index.kind].samples(whole, piece, content, self._index.label_column)

    def image(self, held: HeldOut) -> bytes:
        """Return an encoded picture.

        Raises:
            DataError: it cannot be read.
        """
        shard = self._index.shards[held.shard]
        try:
            if held.size:
                return read_range(shard.address, held.start, held.start + held.size)
            return self._samples(held.shard, held.piece)[held.row].image
        except (OSError, ValueError, IndexError) as reason:
            raise DataError(f"{shard.name}: {reason}") from reason


def _unique(ids: Sequence[str]) -> tuple[str, ...]:
    """Return ids of which none comes twice: of equal ones, later ones get a number."""
    seen: dict[str, int] = {}
    unique = []
    for identifier in ids:
        seen[identifier] = seen.get(identifier, 0) + 1
        unique.append(identifier if seen[identifier] == 1 else f"{identifier}#{seen[identifier]}")
    return tuple(unique)


SHARD_FOLDER = Source(title="a folder of shards with an index", accepts=_accepts_folder, open=_open)
SHARD_ADDRESS = Source(
    title="shards by address", accepts=_accepts_address, open=_open, options=("label_column",), by_name=True
)
