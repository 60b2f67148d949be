"""`shard`: labeled images as tar or parquet shards, which a training streams from any disk, server or object store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.api.completed import ANY_RECIPE
from tellapart.api.configure import configured
from tellapart.api.listener import Listener
from tellapart.data.dataset import Dataset
from tellapart.data.open import open_dataset
from tellapart.data.shards.index import ShardIndex
from tellapart.data.shards.places import protocol_of
from tellapart.data.shards.writer import WRITERS, ShardSize, write_shards
from tellapart.data.split import divide
from tellapart.errors import ConfigError, DataError
from tellapart.pages.card import Card, Facts, Readable, Table
from tellapart.paths import real_path
from tellapart.text import amount_of_bytes, counted, described

SMALLEST_SHARD = 1 << 16
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Shards(Readable):
    """Shards that were written."""

    folder: Path
    """Give it to `train`, or the address to which it was copied."""

    index: ShardIndex
    left_out: tuple[str, ...] = ()
    """Pictures that could not be read, and why."""

    @property
    def pictures(self) -> dict[str, int]:
        """How many pictures each split has."""
        return {
            split: self.index.pictures(split)
            for split in dict.fromkeys(shard.split for shard in self.index.shards)
        }

    @property
    def bytes_in_all(self) -> int:
        """Of all shards together."""
        return sum(shard.size for shard in self.index.shards)

    def _parts(self) -> list[str]:
        sizes = ", ".join(f"{count:,} {split}" for split, count in self.pictures.items())
        return [str(self.folder), sizes, counted(len(self.index.shards), "shard")]

    def _card(self) -> Card:
        facts = Facts(
            [
                ("folder", self.folder),
                ("bytes", f"{self.bytes_in_all:,}"),
                ("left out", len(self.left_out) or None),
            ]
        )
        rows = [(shard.name, shard.pictures, shard.size) for shard in self.index.shards[:10]]
        return Card(
            "Shards",
            ", ".join(self._parts()[1:]),
            [facts, Table(("shard", "pictures", "bytes"), rows, "First shards")],
        )


def shard(
    data: Any,
    to: str | Path,
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    format: str = "webdataset",
    shard_size: int | str = "256MB",
    pictures_per_shard: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    validation_share: float | None = None,
    test_share: float | None = None,
    listener: Listener | None = None,
) -> Shards:
    """Write labeled images as shards: tar files as WebDataset has them, or parquet files as Hugging Face has them.

    Each of train, validation and test gets shards of its own: the splits of the data, or those that `train` would make
    with the same seed. Picture files are copied byte for byte; arrays become PNGs. `shards.json` holds the class names,
    counts, sizes and checksums.

    Args:
        data: anything that `open_dataset` opens, with one class a picture.
        to: the folder to make; an existing one is refused. It appears when it is complete.
        labels: as for `open_dataset`.
        class_names: as for `open_dataset`.
        format: "webdataset" or "parquet".
        shard_size: bytes of a shard, about, or a text such as 256MB.
        pictures_per_shard: in place of a size.
        shuffle: whether pictures are written in random order, as they should be unless they lie in one already.
        seed: of that order, and of the division into splits.
        validation_share: of the training images, 0 to 1, where the data has no validation split. Default: as `train`.
        test_share: likewise.
        listener: hears of the images written.

    Returns:
        A Shards: its `folder` is data for `train`.

    Raises:
        ConfigError: a setting is out of range, or the folder exists.
        DataError: the data cannot be opened.
        MissingExtraError: parquet, and pyarrow is not installed.
        SaveError: the disk is full; nothing is left.
    """
    listener = listener or Listener()
    if format not in WRITERS:
        raise ConfigError(f"format is {' or '.join(WRITERS)}; got {described(format)}.")
    full = _full(shard_size, pictures_per_shard)
    if protocol_of(str(to)):
        raise ConfigError(
            f"{to}: shards are written to a folder of this machine. Write them there, then copy the folder with the "
            "store's own tool; shards.json names no paths."
        )
    folder = real_path(to)
    if folder.exists():
        raise ConfigError(
            f"{to} exists. Shards are written into a new folder: choose another, or remove this one."
        )
    dataset = open_dataset(
        data, labels=labels, class_names=class_names, download=True, progress=listener.downloading
    )
    for words in dataset.notices:
        listener.notice(words)
    if dataset.multi_label:
        raise DataError(
            f"{dataset.where}: several labels a picture. A sample of a shard has one class: train from the "
            "files."
        )
    if dataset.shards is not None:
        raise DataError(
            f"{dataset.where}: these are shards already, and are not read whole. Copy them as files."
        )
    dataset = _divided(dataset, seed, validation_share, test_share)
    index, left_out = write_shards(
        dataset, folder, format, full, seed=seed if shuffle else None, progress=listener.decoding
    )
    return Shards(folder, index, tuple(left_out))


def _full(shard_size: int | str, pictures: int | None) -> ShardSize:
    if pictures is not None:
        if isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < 1:
            raise ConfigError(f"pictures_per_shard is a whole number from 1; got {described(pictures)}.")
        return ShardSize(pictures=pictures)
    size = amount_of_bytes(shard_size) if isinstance(shard_size, str) else shard_size
    if not isinstance(size, int) or isinstance(size, bool) or size < SMALLEST_SHARD:
        raise ConfigError(
            f"shard_size is a number of bytes, {SMALLEST_SHARD:,} or more, or a text such as 256MB; got "
            f"{described(shard_size)}."
        )
    return ShardSize(size=size)


def _divided(
    dataset: Dataset, seed: int, validation_share: float | None, test_share: float | None
) -> Dataset:
    """Return the data set with the splits that a training from scratch would have."""
    given = {"validation_share": validation_share, "test_share": test_share}
    changes = {name: share for name, share in given.items() if share is not None}
    config = configured(
        ANY_RECIPE,
        dataset.mirrors,
        True,
        None,
        {"seed": seed, **changes},
        dataset.training_size,
        has_validation="validation" in dataset.splits,
    )
    return divide(dataset, validation=config.validation_share, test=config.test_share, seed=config.seed)
