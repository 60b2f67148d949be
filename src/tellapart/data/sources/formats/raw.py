"""What every reader of an official layout gives back, and the checks they share."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.data.images import Images
from tellapart.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class RawSplit:
    """Pictures and their label numbers, as the files have them."""

    images: Images
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RawSet:
    """What a layout holds: splits by name, and the class names where the files have them."""

    splits: dict[str, RawSplit]
    class_names: tuple[str, ...] | None = None


def labels_within(labels: NDArray[np.integer], class_count: int, where: str) -> NDArray[np.int64]:
    """Return labels as int64, each within 0..class_count - 1.

    Raises:
        DataError: one is not; it names the row.
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
    """A tar file, packed or not, by its name."""
    return path.name.endswith((".tar.gz", ".tgz", ".tar"))


def read_members(place: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, bytes]:
    """The named files' bytes, from a folder or from inside a tar archive (nothing is unpacked to disk).

    Raises:
        DataError: one of `names` is missing, or the archive is damaged.
    """
    wanted, extra = list(names), list(optional)
    found = _from_archive(place, {*wanted, *extra}) if is_archive(place) else {}
    if not is_archive(place):
        found = {name: (place / name).read_bytes() for name in wanted + extra if (place / name).is_file()}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(
            f"{place}: {', '.join(missing)} missing. It should hold {', '.join(wanted)}. "
            "Unpack or download the set again."
        )
    return found


def _from_archive(archive: Path, names: set[str]) -> dict[str, bytes]:
    found = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = Path(member.name).name
                if name in names and member.isfile() and (file := tar.extractfile(member)) is not None:
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as reason:
        raise DataError(
            f"{archive}: a damaged archive ({reason}). Delete it and download it again."
        ) from reason
    return found
