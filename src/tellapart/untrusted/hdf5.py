"""HDF5 files from strangers: only numbers that lie in the file itself, as many as it can hold.

HDF5 can also say that numbers lie in another file of the reader's disk, in a data set elsewhere, or nowhere at all
(they are then filled in). Keras refuses the first since 3.15 (CVE-2026-1669); a model needs none of them.
"""

from typing import Any

from tellapart.errors import ModelError
from tellapart.untrusted.archive import ALWAYS_ALLOWED, LARGEST_GROWTH, refused

MOST_ENTRIES = 100_000
DEEPEST = 50
LARGEST_ATTRIBUTE = 32_000_000
"""Bytes; a model's configuration is one."""


def refuse_odd_hdf5(file: Any, size: int, where: str) -> None:
    """Raise unless all data sets of an open HDF5 file are numbers within it, and not too many.

    Args:
        file: an `h5py.File`.
        size: of the file, in bytes.
        where: it lies, for the message.

    Raises:
        ModelError: naming the entry.
    """
    _Walk(size, where).group(file, 0)


class _Walk:
    """What was met so far. A file that claims many times its size is made to fill the memory (CVE-2026-0897)."""

    def __init__(self, size: int, where: str) -> None:
        self.where, self.room = where, max(ALWAYS_ALLOWED, LARGEST_GROWTH * size)
        self.entries = 0
        self.seen: set[Any] = set()

    def group(self, group: Any, depth: int) -> None:
        import h5py

        self._attributes(group)
        if depth > DEEPEST:
            raise self._odd(group.name, "groups lie too deep within each other")
        for name in group:
            self.entries += 1
            if self.entries > MOST_ENTRIES:
                raise self._odd(group.name, f"the file has more than {MOST_ENTRIES:,} entries")
            place = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise self._odd(place, "it is a link to another place")
            entry = group[name]
            if isinstance(entry, h5py.Dataset):
                self._data_set(entry, place)
            elif isinstance(entry, h5py.Group):
                key = h5py.h5o.get_info(entry.id).addr
                if key in self.seen:
                    raise self._odd(place, "it is the same group as another one")
                self.seen.add(key)
                self.group(entry, depth + 1)
            else:
                raise self._odd(place, "it is neither a group nor a data set")

    def _data_set(self, entry: Any, place: str) -> None:
        self._attributes(entry)
        if entry.external:
            raise self._odd(place, "its numbers lie in another file")
        if entry.is_virtual:
            raise self._odd(place, "its numbers lie in other data sets")
        if entry.dtype.kind not in "fiub":
            raise self._odd(place, f"it holds no numbers, but {entry.dtype}")
        self.room -= entry.nbytes
        if self.room < 0:
            raise self._odd(place, f"it claims {entry.nbytes:,} bytes, more than the file can hold")
        if entry.nbytes and not entry.id.get_storage_size():
            raise self._odd(place, "its numbers are not in the file")

    def _attributes(self, entry: Any) -> None:
        for name in entry.attrs:
            if entry.attrs.get_id(name).get_storage_size() > LARGEST_ATTRIBUTE:
                raise self._odd(entry.name, f"its attribute {name} is too large")

    def _odd(self, place: str, why: str) -> ModelError:
        return refused(self.where, f"at {place}, {why}")


def total_numbers(file: Any) -> int:
    """Return how many numbers the data sets of a file hold that was not refused."""
    import h5py

    count = 0

    def add(_: str, entry: Any) -> None:
        nonlocal count
        count += entry.size if isinstance(entry, h5py.Dataset) else 0

    file.visititems(add)
    return count
