"""Writing shards: whole splits of a data set as tar or parquet files with an index, in a new folder or not at all.

Picture files are copied as they are; pictures in arrays, which have no file, become PNGs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from tellapart.data.dataset import Dataset, Split
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.decoding.limits import LARGEST_FILE
from tellapart.data.sampler import epoch_order
from tellapart.data.shards.index import (
    INDEX_NAME,
    PIECE_BYTES,
    PIECE_PICTURES,
    Piece,
    Shard,
    ShardIndex,
    checksum_of,
    index_text,
)  # fmt: skip
from tellapart.data.shards.parquet_writer import ParquetShard
from tellapart.data.types import Pixels
from tellapart.errors import PictureError, SaveError, TellapartError
from tellapart.files import draft_folder, remove_litter, sync_folder, write_text
from tellapart.untrusted.regular_file import read_regular

_NOT_IN_KEYS = re.compile(r"[^\w/-]+")
"""What tar members and web addresses are better without; a dot would begin the ending."""

LONGEST_KEY = 150
"""Characters."""


@dataclass(frozen=True, slots=True)
class ShardSize:
    """When a shard is full: as soon as one of both is reached."""

    size: int | None = None
    pictures: int | None = None

    def is_reached(self, size: int, pictures: int) -> bool:
        """Return whether a shard of so many bytes and pictures is full."""
        return (self.size is not None and size >= self.size) or (
            self.pictures is not None and pictures >= self.pictures
        )


class OpenShard(Protocol):
    """A shard that is being written."""

    size: int
    """Bytes so far, about."""

    def add(self, key: str, suffix: str, content: bytes, label: int) -> None:
        """Append a picture."""
        ...

    def close(self) -> tuple[list[Piece], str]:
        """End the file; return its parts and its sha256."""
        ...


class TarShard:
    """A tar file of `KEY.jpg` and `KEY.cls`."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = path.open("wb")
        self._summed = _Summed(self._file)
        self._tar = tarfile.TarFile(fileobj=self._summed, mode="w", format=tarfile.PAX_FORMAT)  # type: ignore[arg-type]
        self._pieces: list[Piece] = []
        self._begun, self._pictures = 0, 0
        self.size = 0

    def add(self, key: str, suffix: str, content: bytes, label: int) -> None:
        """Append a picture and its class."""
        self._member(f"{key}{suffix}", content)
        self._member(f"{key}.cls", str(label).encode())
        self._pictures += 1
        self.size = self._tar.offset
        if self.size - self._begun >= PIECE_BYTES or self._pictures >= PIECE_PICTURES:
            self._end_piece()

    def close(self) -> tuple[list[Piece], str]:
        """End the file; return its parts and its sha256."""
        if self._pictures:
            self._end_piece()
        self._tar.close()
        self.size = self._file.tell()
        _close_whole(self._file)
        return self._pieces, self._summed.sha256.hexdigest()

    def _member(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o644
        self._tar.addfile(info, io.BytesIO(content))

    def _end_piece(self) -> None:
        content = self._summed.taken()
        self._pieces.append(Piece(self._begun, len(content), self._pictures, checksum_of(content)))
        self._begun, self._pictures = self.size, 0
        self._tar.members = []  # type: ignore[attr-defined]  # which would hold all of them


class _Summed:
    """A file that is written from beginning to end, the present part of which is remembered."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._part = file, bytearray()
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Append."""
        self.sha256.update(content)
        self._part += content
        return self._file.write(content)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        content, self._part = bytes(self._part), bytearray()
        return content


def _close_whole(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[str]], OpenShard]]] = {
    "webdataset": (".tar", lambda path, _: TarShard(path)),  # class names stand in the index alone
    "parquet": (".parquet", ParquetShard),
}
"""Form of shards -> ending of their names, and what writes one."""


@dataclass(slots=True)
class _Written:
    """What was written of a data set so far."""

    shards: list[Shard] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    done: int = 0


def write_shards(
    dataset: Dataset,
    folder: Path,
    kind: str,
    full: ShardSize,
    *,
    seed: int | None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[ShardIndex, list[str]]:
    """Write all splits of a data set.

    Args:
        dataset: divided.
        folder: to make; it must not exist.
        kind: a name in `WRITERS`.
        full: when a shard is full.
        seed: of the order of pictures; None: that of the data set.
        progress: called with (pictures written, pictures in all).

    Returns:
        The index, and why pictures were left out.

    Raises:
        SaveError: it could not be written; nothing is left.
        MissingExtraError: an optional package is missing.
    """
    total = sum(map(len, dataset.splits.values()))
    written = _Written()
    draft = None
    try:
        remove_litter(folder.parent, own=False)
        draft = draft_folder(folder)
        for name, split in dataset.splits.items():
            order = np.arange(len(split)) if seed is None else epoch_order(seed, 0, len(split))
            pictures = _pictures(split, order.tolist(), written, lambda: progress(written.done, total))
            _write_split(name, pictures, draft, kind, full, dataset.class_names, written)
        index = ShardIndex(kind, dataset.class_names, tuple(written.shards), numbered=True)
        write_text(draft / INDEX_NAME, index_text(index))
        draft.chmod(0o755)
        os.rename(draft, folder)  # fails where something has come to lie there
        sync_folder(folder.parent)
    except TellapartError:
        raise
    except OSError as reason:
        raise SaveError(
            f"{folder} could not be written ({reason.strerror or reason}). Nothing was left. Free some space, or "
            "choose another place."
        ) from reason
    finally:
        if draft is not None and draft.exists():
            _remove(draft)
    return index, written.left_out


def _remove(draft: Path) -> None:
    import shutil

    shutil.rmtree(draft, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is written of a picture."""

    key: str
    suffix: str
    content: bytes
    label: int


def _pictures(
    split: Split, rows: Sequence[int], written: _Written, tell: Callable[[], None]
) -> Iterator[_Picture]:
    keys: set[str] = set()
    for row in rows:
        written.done += 1
        tell()
        try:
            source = split.images.source(row)
            content = _content(source)
        except (PictureError, OSError) as reason:
            written.left_out.append(f"{split.ids[row]}: {getattr(reason, 'strerror', None) or reason}")
            continue
        key = _key(split.ids[row])
        key = key if key not in keys else f"{key[: LONGEST_KEY - 20]}_{row}"
        keys.add(key)
        yield _Picture(key, _suffix(source, content, split.ids[row]), content, int(split.labels[row]))


def _content(source: Path | bytes | Pixels) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, Path):
        return read_regular(source, LARGEST_FILE)
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(source if source.shape[-1] == 3 else source[..., 0]).save(file, "PNG")
    return file.getvalue()


def _key(identifier: str) -> str:
    stem, dot, suffix = identifier.rpartition(".")
    name = stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else identifier
    return _NOT_IN_KEYS.sub("_", name).strip("/")[-LONGEST_KEY:].strip("/") or "_"


def _suffix(source: Path | bytes | Pixels, content: bytes, identifier: str) -> str:
    """Return the ending of a picture: its file's, else that of its format."""
    name = source.name if isinstance(source, Path) else identifier
    ending = os.path.splitext(name)[1].lower()
    if ending in IMAGE_SUFFIXES and not isinstance(source, np.ndarray):
        return ending
    signs = {
        b"\xff\xd8": ".jpg",
        b"\x89P": ".png",
        b"GI": ".gif",
        b"RI": ".webp",
        b"BM": ".bmp",
        b"II": ".tif",
        b"MM": ".tif",
    }
    return signs.get(content[:2], ".jpg")


def _write_split(
    name: str,
    pictures: Iterator[_Picture],
    folder: Path,
    kind: str,
    full: ShardSize,
    class_names: Sequence[str],
    written: _Written,
) -> None:
    suffix, begin = WRITERS[kind]
    shard: OpenShard | None = None
    counts, number = [0] * len(class_names), 0
    path = folder
    for picture in pictures:
        if shard is None:
            path = folder / f"{name}-{number:06d}{suffix}"
            shard, counts, number = begin(path, class_names), [0] * len(class_names), number + 1
        shard.add(picture.key, picture.suffix, picture.content, picture.label)
        counts[picture.label] += 1
        if full.is_reached(shard.size, sum(counts)):
            written.shards.append(_ended(shard, path, name, counts))
            shard = None
    if shard is not None:
        written.shards.append(_ended(shard, path, name, counts))


def _ended(shard: OpenShard, path: Path, split: str, counts: Sequence[int]) -> Shard:
    pieces, sha256 = shard.close()
    return Shard(path.name, split, path.stat().st_size, tuple(pieces), tuple(counts), sha256)
