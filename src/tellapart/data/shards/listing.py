"""Listing: one pass over shards that have no index, which finds their parts, classes and counts.

Where neither validation nor test shards are named, training pictures are held out for them: those of the smallest
hashes of their keys, so that it depends neither on the order of the shards nor on how pictures are spread over them.
What was found is kept in the cache folder, by the names, sizes and times of the shards.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from tellapart.data.shards.formats import FORMATS, kind_of
from tellapart.data.shards.index import HeldOut, Piece, Shard, ShardIndex, index_from, index_text
from tellapart.data.shards.places import FileState, state_of
from tellapart.data.shards.samples import hash_of
from tellapart.data.sources.webdataset import split_of_shard
from tellapart.errors import DataError, MissingExtraError
from tellapart.files import write_text
from tellapart.paths import cache_folder
from tellapart.text import natural_key

MOST_HELD_OUT = 10_000
"""Pictures that are held out for each of validation and test."""

SHARE_HELD_OUT = 0.1
"""Of all pictures, at most."""

MOST_CLASSES = 100_000

_AT_ONCE = 8
"""Shards that are listed at once."""

_FORMAT = 1
"""Of what is kept."""


_Candidate = tuple[int, str, HeldOut, str]
"""Minus the hash of a picture's key, its shard, where it lies in it, its label: what may be held out."""


@dataclass(slots=True)
class _Listed:
    """One shard, as far as it is known."""

    address: str
    state: FileState
    split: str
    pieces: list[Piece] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    lowest: list[_Candidate] = field(default_factory=list)
    """Of a training shard: a heap of the smallest hashes."""

    names: tuple[str, ...] | None = None
    unlabeled: int = 0
    damage: str = ""


def listed(
    addresses: Sequence[str], label_column: str | None, progress: Callable[[int, int], None] | None = None
) -> ShardIndex:
    """Return the index of shards, from the cache or by reading them once.

    Args:
        addresses: of shards of one form.
        label_column: the ending, field or column that holds the label; None: it is recognized.
        progress: called with (bytes of the shards read, bytes in all).

    Raises:
        DataError: no picture with a label could be read.
        MissingExtraError: pyarrow is not installed.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        states = list(threads.map(_state, addresses))
        known = cache_folder() / "shards" / f"{_key(addresses, states, label_column)}.json"
        by_name = {PurePosixPath(address).name: address for address in addresses}
        if len(by_name) == len(addresses):
            with suppress(OSError, DataError):
                return index_from(known.read_bytes(), str(known), by_name)
        shards, total = [], sum(0 if isinstance(state, str) else state.size for state in states)
        done, lowest = 0, list[_Candidate]()
        columns = [label_column] * len(addresses)
        for shard in threads.map(_list, addresses, states, columns):
            for candidate in () if shard.damage else shard.lowest:
                _keep_lowest(lowest, candidate)
            shard.lowest.clear()  # no more than a few thousand are ever kept
            shards.append(shard)
            done += shard.state.size
            if progress is not None:
                progress(done, total)
    index = _index(shards, lowest, label_column)
    if not index.left_out and len(by_name) == len(addresses):  # what failed today may be there tomorrow
        with suppress(Exception):  # listed anew the next time
            write_text(known, index_text(index))
    return index


def _key(addresses: Sequence[str], states: Sequence[FileState | str], label_column: str | None) -> str:
    text = json.dumps([_FORMAT, list(addresses), states, label_column])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _state(address: str) -> FileState | str:
    """Return a shard's size and state; why it cannot be read."""
    try:
        return state_of(address)
    except OSError as reason:
        return str(reason.strerror or reason)


def _list(address: str, state: FileState | str, label_column: str | None) -> _Listed:
    kind = kind_of(address)
    assert kind is not None, address
    form, shard = FORMATS[kind], _Listed(address, FileState(0, ""), split_of_shard(PurePosixPath(address)))
    if isinstance(state, str):
        shard.damage = state
        return shard
    shard.state = state
    try:
        shard.names = form.class_names(address, state.size, label_column)
        for piece in form.parts(address, state.size, label_column):
            for row, (sample, size) in enumerate(piece.samples):
                shard.labels[sample.label] += 1
                if shard.split == "train":
                    place = HeldOut("", sample.key, 0, 0, len(shard.pieces), row, sample.start, size)
                    _keep_lowest(shard.lowest, (-hash_of(sample.key), address, place, sample.label))
            shard.pieces.append(Piece(piece.start, piece.size, len(piece.samples)))
            shard.unlabeled += piece.unlabeled
    except MissingExtraError:
        raise
    except (OSError, ValueError) as reason:  # DataError is one too
        shard.damage = str(reason) or type(reason).__name__
    return shard


def _keep_lowest(heap: list[_Candidate], entry: _Candidate) -> None:
    if len(heap) < 2 * MOST_HELD_OUT:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _index(every: Sequence[_Listed], lowest: Sequence[_Candidate], label_column: str | None) -> ShardIndex:
    shards = [shard for shard in every if not shard.damage]
    left_out = tuple(
        f"{PurePosixPath(shard.address).name}: {shard.damage}" for shard in every if shard.damage
    )
    labels = sum((shard.labels for shard in shards), Counter[str]())
    unlabeled = sum(shard.unlabeled for shard in shards)
    if not labels or unlabeled > labels.total():
        raise DataError(_without_labels(every, left_out, unlabeled, labels.total()))
    if len(labels) > MOST_CLASSES:
        raise DataError(f"{len(labels):,} different labels; at most {MOST_CLASSES:,} classes are learned.")
    own = next((shard.names for shard in shards if shard.names), None)
    numbered = own is not None and all(label.isdecimal() and int(label) < len(own) for label in labels)
    names = own if own is not None and numbered else tuple(sorted(labels, key=natural_key))
    of_label = {(str(number) if numbered else name): number for number, name in enumerate(names)}
    index = ShardIndex(
        kind=kind_of(every[0].address) or "",
        class_names=names,
        shards=tuple(
            Shard(
                shard.address,
                shard.split,
                shard.state.size,
                tuple(shard.pieces),
                tuple(shard.labels[label] for label in of_label),
            )
            for shard in shards
        ),
        numbered=numbered,
        left_out=left_out,
        label_column=label_column,
    )
    return _with_held_out(index, lowest, of_label)


def _with_held_out(
    index: ShardIndex, candidates: Sequence[_Candidate], of_label: dict[str, int]
) -> ShardIndex:
    """Return the index with training pictures held out for the splits that have no shards of their own."""
    lacking = [split for split in ("test", "validation") if not index.of_split(split)]
    count = min(MOST_HELD_OUT, int(SHARE_HELD_OUT * index.pictures("train")))
    hashes = sorted((-minus, address, place, label) for minus, address, place, label in candidates)
    lowest = _first(hashes, count * len(lacking))
    if not lowest:
        return index
    below = lowest[-1][0] + 1
    number_of = {shard.address: number for number, shard in enumerate(index.shards)}
    changed = [list(shard.pieces) for shard in index.shards]
    counts = [list(shard.classes) for shard in index.shards]
    held_out = []
    for rank, (_, address, place, label) in enumerate(lowest):
        number = number_of[address]
        held_out.append(place._replace(split=lacking[rank // count], label=of_label[label], shard=number))
        piece = changed[number][place.piece]
        changed[number][place.piece] = piece._replace(pictures=piece.pictures - 1)
        counts[number][of_label[label]] -= 1
    parts = zip(index.shards, changed, counts, strict=True)
    fewer = tuple(replace(shard, pieces=tuple(pieces), classes=tuple(left)) for shard, pieces, left in parts)
    return replace(index, shards=fewer, held_below=below, held_out=tuple(held_out))


def _first(places: Sequence[_Candidate], count: int) -> Sequence[_Candidate]:
    """Return at most so many, of the lowest hashes; of equal ones all or none."""
    while 0 < count < len(places) and places[count - 1][0] == places[count][0]:
        count -= 1
    return places[:count]


def _without_labels(every: Sequence[_Listed], left_out: tuple[str, ...], unlabeled: int, labeled: int) -> str:
    where = every[0].address
    if left_out and not labeled:
        more = f", and {len(left_out) - 1} more shards" if len(left_out) > 1 else ""
        return f"{where}: no shard could be read ({left_out[0]}{more})."
    return (
        f"{where}: {unlabeled:,} of {unlabeled + labeled:,} samples have no label. A label is a .cls, .txt or .json "
        "file with the picture's name, or a column of a parquet file; choose the field or column with --label-column."
    )
