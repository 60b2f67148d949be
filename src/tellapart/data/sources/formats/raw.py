"""What every reader of an official layout returns, and the checks they share."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.errors import DataError
from tellapart.untrusted.regular_file import open_regular, read_regular

LARGEST_MEMBER, LARGEST_ARCHIVE, MOST_MEMBERS = 200_000_000, 400_000_000, 1000
"""Bytes of a file of a set and of an archive, unpacked, and its members: CIFAR-100 has 155 and 187 million, and 5."""


@dataclass(frozen=True, slots=True, eq=False)
class RawSplit:
    """Images and their labels, as the files have them."""

    images: Images
    labels: NDArray[Any]
    """(N,) whole numbers, or names."""


@dataclass(frozen=True, slots=True, eq=False)
class RawSet:
    """The content of a layout: splits by name, and the class names where the files have them."""

    splits: dict[str, RawSplit]
    class_names: tuple[str, ...] | None = None
    notices: tuple[str, ...] = ()


def labels_within(labels: NDArray[np.integer], class_count: int, where: str) -> NDArray[np.int64]:
    """Return labels as int64, each within 0..class_count - 1.

    Raises:
        DataError: a label is out of range; it names the row.
    """
    wide = np.asarray(labels).astype(np.int64)
    outside = np.flatnonzero((wide < 0) | (wide >= class_count))
    if outside.size:
        row = outside[0]
        raise DataError(
            f"{where}: picture {row} has label {wide[row]}; labels are 0 to {class_count - 1}. "
            "The file is damaged or of another kind."
        )
    return wide


def is_archive(path: Path) -> bool:
    """Return whether a path is named like a tar file, compressed or not."""
    return path.name.endswith((".tar.gz", ".tgz", ".tar"))


def read_members(place: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the named files from a folder, or from inside a tar archive (nothing is unpacked to disk).

    Returns:
        name -> bytes.

    Raises:
        DataError: a file is missing, or the archive is damaged.
    """
    if is_archive(place):
        members = _from_archive(place, set(names))
    else:
        members = {name: _content(place / name) for name in names if (place / name).exists()}
    missing = [name for name in names if name not in members]
    if missing:
        raise DataError(
            f"{place}: {', '.join(missing)} missing. It should hold {', '.join(names)}. "
            "Unpack or download the set again."
        )
    return members


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_MEMBER)
    except OSError as reason:
        raise DataError(f"{path}: {reason.strerror or reason}. Download the set again.") from reason


def _from_archive(archive: Path, names: set[str]) -> dict[str, bytes]:
    try:
        with open_regular(archive) as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            unpacked = gzip.GzipFile(fileobj=raw) if is_packed else raw
            with tarfile.open(fileobj=cast("IO[bytes]", _Bounded(unpacked)), mode="r:") as tar:
                return _members(tar, names)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as reason:
        why = getattr(reason, "strerror", None) or reason
        raise DataError(f"{archive}: a damaged archive ({why}). Delete it and download it again.") from reason


def _members(tar: tarfile.TarFile, names: set[str]) -> dict[str, bytes]:
    members = {}
    for number, member in enumerate(tar):
        if number >= MOST_MEMBERS:
            raise tarfile.ReadError(f"more than {MOST_MEMBERS:,} files")
        if member.issparse():  # whose size is whatever it says
            raise tarfile.ReadError(f"a sparse file of {member.size:,} bytes")
        name = Path(member.name).name
        if name in names and member.isfile() and (file := tar.extractfile(member)) is not None:
            members[name] = file.read()
    return members


class _Bounded:
    """The bytes of an archive, unpacked on the way, of which nothing beyond LARGEST_ARCHIVE is read."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self.file = file

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        self._refuse_beyond(self.file.tell() + size)
        return self.file.read(size)

    def seek(self, place: int) -> int:
        """Go on at another place."""
        self._refuse_beyond(place)
        return self.file.seek(place)

    def tell(self) -> int:
        """Return the place."""
        return self.file.tell()

    def _refuse_beyond(self, place: int) -> None:
        if place > LARGEST_ARCHIVE:
            raise tarfile.ReadError(f"it would unpack to more than {LARGEST_ARCHIVE:,} bytes")
