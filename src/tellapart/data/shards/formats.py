"""The forms that shards have, and how a part of each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tellapart.data.shards.index import Shard
from tellapart.data.shards.parquet_format import list_parquet, names_in_parquet, samples_of_parquet
from tellapart.data.shards.samples import Sample
from tellapart.data.shards.tar_format import ListedPiece, list_tar, samples_of_tar


@dataclass(frozen=True, slots=True)
class ShardFormat:
    """One form of shards."""

    suffix: str
    """Of a shard's name."""

    parts: Callable[[str, int, str | None], Iterator[ListedPiece]]
    """(address, size, label column) -> its parts, by reading it once."""

    samples: Callable[[Shard, int, bytes, str | None], list[Sample]]
    """(shard, number of the part, its bytes, label column) -> its labeled pictures."""

    class_names: Callable[[str, int, str | None], tuple[str, ...] | None]
    """(address, size, label column) -> names of the classes that the labels number, where the shard has them."""


def _none(address: str, size: int, label_column: str | None) -> None:
    """A tar file names no classes."""


FORMATS: dict[str, ShardFormat] = {
    "webdataset": ShardFormat(".tar", list_tar, samples_of_tar, _none),
    "parquet": ShardFormat(".parquet", list_parquet, samples_of_parquet, names_in_parquet),
}
"""Name -> form."""


def kind_of(address: str) -> str | None:
    """Return the name of the form that a file's name shows; None: it is no shard's."""
    return next((kind for kind, form in FORMATS.items() if address.lower().endswith(form.suffix)), None)
