"""The index of shards: which there are, how many pictures each holds, and where parts of them begin.

Written beside shards as `shards.json`, by whoever wrote them; of other shards made by one pass over them and kept in
the cache folder. It holds a line of numbers for each part, nothing for a single picture, so it stays small.

Knows nothing of the bytes in a part.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tellapart.data.shards.places import in_folder
from tellapart.data.sources.split_words import SPLIT_OF_WORD
from tellapart.errors import DataError

INDEX_NAME = "shards.json"

LARGEST_INDEX = 500_000_000
"""Bytes of an index; a hundred million photos need about fifty million."""

LARGEST_PIECE = 1 << 30
"""Bytes of a part, which is held in memory."""

PIECE_BYTES, PIECE_PICTURES = 4 << 20, 256
"""Of a part: it ends with the picture that reaches one of them. Large enough for one request to an object store, small
enough that many are open at once."""

_SMALLEST = 32
"""Bytes of a picture: the smallest PNG has 67."""

_FORMAT = "tellapart shards 1"

_SPLITS = tuple(dict.fromkeys(SPLIT_OF_WORD.values()))
"""Train, validation, test."""


class Piece(NamedTuple):
    """A part of a shard that can be read by itself."""

    start: int
    """Byte of the shard."""

    size: int
    pictures: int
    """Of the shard's split; those held out of it do not count."""

    checksum: int | None = None
    """CRC-32 of its bytes; None: not known."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of pictures."""

    address: str
    split: str
    size: int
    pieces: tuple[Piece, ...]
    classes: tuple[int, ...] = ()
    """Pictures of each class; empty where they were not counted."""

    sha256: str | None = None

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.address.rpartition("/")[2]

    @property
    def pictures(self) -> int:
        """How many it holds."""
        return sum(piece.pictures for piece in self.pieces)


class HeldOut(NamedTuple):
    """A picture that was held out of the training shards."""

    split: str
    key: str
    label: int
    shard: int
    piece: int
    """Number of the part within its shard."""

    row: int
    """Among the labeled pictures of the part."""

    start: int
    """Byte of the shard where the picture's own bytes begin; unused where `size` is 0."""

    size: int
    """Bytes; 0: it is read with its part."""


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """All shards of a data set."""

    kind: str
    """A name in `FORMATS`."""

    class_names: tuple[str, ...]
    shards: tuple[Shard, ...]
    numbered: bool = False
    """Whether labels are numbers of `class_names`; otherwise they are those names themselves."""

    held_below: int = 0
    """Training pictures whose key has a hash below are held out; 0: none are."""

    held_out: tuple[HeldOut, ...] = ()
    left_out: tuple[str, ...] = ()
    """Shards that could not be read, and why."""

    label_column: str | None = field(default=None)

    def of_split(self, split: str) -> tuple[Shard, ...]:
        """Return the shards of a split."""
        return tuple(shard for shard in self.shards if shard.split == split)

    def pictures(self, split: str) -> int:
        """Return how many pictures the shards of a split hold."""
        return sum(shard.pictures for shard in self.of_split(split))

    def class_counts(self, split: str) -> tuple[int, ...]:
        """Return how many pictures of each class the shards of a split hold."""
        counts = [shard.classes for shard in self.of_split(split)]
        return tuple(map(sum, zip(*counts, strict=True))) if counts else (0,) * len(self.class_names)

    def fingerprint(self) -> str:
        """Return a sha256 (hexadecimal) over the classes, and over names and parts of all shards: what decides the
        order of pictures."""
        places = [(shard.name, shard.split, shard.size, shard.pieces) for shard in self.shards]
        content = json.dumps([self.class_names, self.numbered, self.held_below, places])
        return hashlib.sha256(content.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; shards by their names alone."""
        splits = [split for split in _SPLITS if self.of_split(split)]
        return {
            "format": _FORMAT,
            "kind": self.kind,
            "class_names": list(self.class_names),
            "labels": "numbers" if self.numbered else "names",
            **({"label_column": self.label_column} if self.label_column is not None else {}),
            **({"held_below": self.held_below, "held_out": self.held_out} if self.held_below else {}),
            **({"left_out": self.left_out} if self.left_out else {}),
            "pictures": {split: self.pictures(split) for split in splits},
            "classes": {
                split: dict(zip(self.class_names, self.class_counts(split), strict=True)) for split in splits
            },
            "shards": [
                {
                    "name": shard.name,
                    "split": shard.split,
                    "pictures": shard.pictures,
                    "bytes": shard.size,
                    "sha256": shard.sha256,
                    "classes": shard.classes,
                    "pieces": shard.pieces,
                }
                for shard in self.shards
            ],
        }


def index_text(index: ShardIndex) -> str:
    """Return an index as JSON, a line for each shard."""
    values = index.to_dict()
    shards = values.pop("shards")
    head = json.dumps(values, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(shard, ensure_ascii=False, separators=(",", ":")) for shard in shards)
    return f'{head},\n "shards": [\n  {lines}\n ]\n}}\n'


def index_from(text: bytes | str, where: str, addresses: Mapping[str, str] | str) -> ShardIndex:
    """Read an index, which may come from anybody.

    Args:
        text: its JSON.
        where: what to call it in errors.
        addresses: the folder of the shards; or name -> address, which also selects them.

    Raises:
        DataError: it is damaged, or of another form.
    """
    try:
        return _index_from(json.loads(text), addresses)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise DataError(
            f"{where}: not an index of shards that can be read ({reason or type(reason).__name__}). Write it again "
            "with tellapart data shard, or remove it: the shards are then listed by reading them once."
        ) from reason


def _index_from(values: Any, addresses: Mapping[str, str] | str) -> ShardIndex:
    if values["format"] != _FORMAT:
        raise ValueError(f"its format is {values['format']!r}, not {_FORMAT!r}")
    names = tuple(map(str, values["class_names"]))
    shards = []
    for facts in values["shards"]:
        name = str(facts["name"])
        if not name or "/" in name or "\\" in name or name.startswith(".."):
            raise ValueError(f"{name!r} is no name of a file beside it")
        address = in_folder(addresses, name) if isinstance(addresses, str) else addresses.get(name)
        if address is not None:
            shards.append(_shard_from(facts, address, len(names)))
    held_out = tuple(
        HeldOut(str(held[0]), str(held[1]), *map(int, held[2:])) for held in values.get("held_out", ())
    )
    return ShardIndex(
        kind=str(values["kind"]),
        class_names=names,
        shards=tuple(shards),
        numbered=values["labels"] == "numbers",
        held_below=int(values.get("held_below", 0)),
        held_out=held_out,
        left_out=tuple(map(str, values.get("left_out", ()))),
        label_column=values.get("label_column"),
    )


def _shard_from(facts: Mapping[str, Any], address: str, classes: int) -> Shard:
    pieces = tuple(_piece_from(values) for values in facts["pieces"])
    counts = tuple(map(int, facts["classes"]))
    if facts["split"] not in _SPLITS or len(counts) != classes:
        raise ValueError(f"{facts['name']}: an unknown split, or another number of classes")
    return Shard(address, facts["split"], int(facts["bytes"]), pieces, counts, facts.get("sha256"))


def _piece_from(values: Sequence[Any]) -> Piece:
    start, size, pictures, checksum = values
    piece = Piece(int(start), int(size), int(pictures), None if checksum is None else int(checksum))
    if (
        piece.start < 0
        or not 0 <= piece.size <= LARGEST_PIECE
        or not 0 <= _SMALLEST * piece.pictures <= piece.size
    ):
        raise ValueError(f"a part of {piece.size:,} bytes and {piece.pictures:,} pictures")
    return piece


def checksum_of(content: bytes) -> int:
    """Return the checksum of a part."""
    return zlib.crc32(content)
