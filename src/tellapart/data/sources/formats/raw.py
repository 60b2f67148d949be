"""What every reader of an official layout returns, and the checks they share."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class RawSplit:
    """Images and their label numbers, as the files have them."""

    images: Images
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RawSet:
    """The content of a layout: splits by name, and the class names where the files have them."""

    splits: dict[str, RawSplit]
    class_names: tuple[str, ...] | None = None


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
        members = {name: (place / name).read_bytes() for name in names if (place / name).is_file()}
    missing = [name for name in names if name not in members]
    if missing:
        raise DataError(
            f"{place}: {', '.join(missing)} missing. It should hold {', '.join(names)}. "
            "Unpack or download the set again."
        )
    return members


def _from_archive(archive: Path, names: set[str]) -> dict[str, bytes]:
    members = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = Path(member.name).name
                if name in names and member.isfile() and (file := tar.extractfile(member)) is not None:
                    members[name] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as reason:
        raise DataError(
            f"{archive}: a damaged archive ({reason}). Delete it and download it again."
        ) from reason
    return members
