"""HDF5 files from strangers: only numbers that lie in the file itself, as many as it can hold.

HDF5 can also say that numbers lie in another file of the reader's disk, in a data set elsewhere, or nowhere at all
(they are then filled in). Keras refuses the first since 3.15 (CVE-2026-1669); a model needs none of them.
"""

import zlib
from math import prod
from typing import Any

import numpy as np

from tellapart.errors import ModelError
from tellapart.untrusted.archive import LARGEST_TEXT, refused
from tellapart.untrusted.little_memory import little_memory

DAMAGED = (OSError, RuntimeError, ValueError, LookupError, TypeError, MemoryError, ArithmeticError)
"""What h5py raises at damaged files."""

MOST_ENTRIES = 30_000
"""Groups and data sets. Keras's largest networks have 4,000, and three times that with their optimizer."""

DEEPEST = 50

PLAIN_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}
"""HDF5's filters that need no plug-in, by number. The others hide how much they unpack."""

KINDS = "fiubV"
"""NumPy's kinds of data that weights have; Keras stores bfloat16 as V, two bytes without a meaning."""


NEVER_READ = "name"
"""An attribute that Keras writes and nobody reads."""

TEXT_MEMORY = 256_000_000
"""Bytes that reading the texts of one attribute may take."""


def checked_numbers(file: Any, most: int, where: str) -> int:
    """Return how many numbers an open HDF5 file holds.

    Args:
        file: an `h5py.File`.
        most: bytes that its numbers may have in memory.
        where: it lies, for the message.

    Raises:
        ModelError: not all its data sets are numbers within it, or there are too many; with the entry's name.
    """
    import h5py

    walk = _Walk(most, where)
    walk.enter(h5py.h5g.open(file.id, b"/"), "/", 0)
    return walk.numbers


class _Walk:
    """What was met so far. A file that claims many times its size is made to fill the memory (CVE-2026-0897)."""

    def __init__(self, most: int, where: str) -> None:
        self.where, self.most, self.room = where, most, most
        self.entries = self.numbers = 0
        self.seen: set[Any] = set()

    def enter(self, group: Any, place: str, depth: int) -> None:
        """Look at a group, an `h5py.h5g.GroupID`, and at all that is in it."""
        import h5py

        address = h5py.h5o.get_info(group).addr
        if address in self.seen:
            raise self._odd(place, "it is the same group as another one")
        self.seen.add(address)
        self._attributes(group, place)
        if depth > DEEPEST:
            raise self._odd(place, "groups lie too deep within each other")
        for name in group:
            self.entries += 1
            if self.entries > MOST_ENTRIES:
                raise self._odd(place, f"the file has more than {MOST_ENTRIES:,} entries")
            self._entry(group, name, f"{place.rstrip('/')}/{name.decode(errors='replace')}", depth)

    def _entry(self, group: Any, name: bytes, place: str, depth: int) -> None:
        import h5py

        if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise self._odd(place, "it is a link to another place")
        entry = h5py.h5o.open(group, name)
        if isinstance(entry, h5py.h5d.DatasetID):
            self._data_set(entry, place)
        elif isinstance(entry, h5py.h5g.GroupID):
            self.enter(entry, place, depth + 1)
        else:
            raise self._odd(place, "it is neither a group nor a data set")

    def _data_set(self, entry: Any, place: str) -> None:
        import h5py

        settings = entry.get_create_plist()
        if settings.get_external_count():  # asked first: a shape may already be read from elsewhere
            raise self._odd(place, "its numbers lie in another file")
        layout = settings.get_layout()
        if layout == h5py.h5d.VIRTUAL:
            raise self._odd(place, "its numbers lie in other data sets")
        kind, shape = entry.dtype, entry.shape
        if shape is None or kind.kind not in KINDS or kind.hasobject or kind.names or kind.subdtype:
            raise self._odd(place, f"it holds no numbers, but {kind}")
        stored, count = entry.get_storage_size(), prod(shape)
        size = count * kind.itemsize
        self.room -= max(size, stored)
        if self.room < 0:
            raise self._odd(place, f"it claims {max(size, stored):,} bytes, more than the file can hold")
        if layout == h5py.h5d.CHUNKED:
            self._chunks(entry, settings, place)
        elif stored < size:
            raise self._odd(place, "its numbers are not in the file")
        self._attributes(entry, place)
        self.numbers += count

    def _chunks(self, entry: Any, settings: Any, place: str) -> None:
        """Unpack every chunk once, to no more than its size: HDF5 itself would unpack all that there is."""
        filters = [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]
        if not set(filters) <= set(PLAIN_FILTERS) or len(set(filters)) < len(filters):
            raise self._odd(place, "it is packed in an unusual way")
        size = prod(settings.get_chunk()) * entry.dtype.itemsize
        if size > self.most:
            raise self._odd(place, f"its pieces claim {size:,} bytes each")
        needed = prod(
            -(-side // piece) for side, piece in zip(entry.shape, settings.get_chunk(), strict=True)
        )
        count = entry.get_num_chunks()
        if count < needed:
            raise self._odd(place, "its numbers are not in the file")
        self.entries += count
        if self.entries > MOST_ENTRIES:
            raise self._odd(place, f"the file has more than {MOST_ENTRIES:,} entries and pieces")
        if 1 in filters:
            for index in range(count):
                _, packed = entry.read_direct_chunk(entry.get_chunk_info(index).chunk_offset)
                if _unpacks_to_more_than(size + 4, packed):  # 4: a checksum
                    raise self._odd(place, "its pieces unpack to more than they claim")

    def _attributes(self, entry: Any, place: str) -> None:
        import h5py

        count = h5py.h5a.get_num_attrs(entry)
        self.entries += count
        if self.entries > MOST_ENTRIES:
            raise self._odd(place, f"the file has more than {MOST_ENTRIES:,} entries and attributes")
        for index in range(count):
            attribute = h5py.h5a.open(entry, index=index)
            name, kind = attribute.name.decode(errors="replace"), attribute.dtype
            if kind.hasobject and h5py.check_string_dtype(kind) is None:
                raise self._odd(place, f"its attribute {name} is neither numbers nor texts")
            if prod(attribute.shape or ()) * kind.itemsize > LARGEST_TEXT:
                raise self._odd(place, f"its attribute {name} is too large")
            if kind.hasobject and name != NEVER_READ:
                self._text(attribute, name, place)

    def _text(self, attribute: Any, name: str, place: str) -> None:
        """Read a text, or a list of them, once with little memory: each claims its length, up to four gigabytes."""
        values = np.empty(attribute.shape or (), attribute.dtype)
        try:
            with little_memory(TEXT_MEMORY):
                attribute.read(values)
        except MemoryError as reason:
            raise self._odd(place, f"its attribute {name} is too large") from reason

    def _odd(self, place: str, why: str) -> ModelError:
        return refused(self.where, f"at {place[:200]!r}, {why}")


def _unpacks_to_more_than(size: int, packed: bytes) -> bool:
    """Return whether a chunk holds more; damaged ones are left to HDF5, which has the words for it."""
    try:
        return len(zlib.decompressobj().decompress(packed, size + 1)) > size
    except zlib.error:
        return False
