"""Pictures that can be read one by one, from wherever they lie.

Three kinds: rows of an array, files, and encoded bytes. Each gives row `i` as uint8 (H, W, 3 or 1) and can
be narrowed to some of its rows without copying pixels.

Knows nothing of labels, classes or splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tellapart.data.types import Pixels, Rows


class Images(Protocol):
    """What a Split needs of its pictures."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Pixels:
        """Picture `index` as uint8 (H, W, 3 or 1)."""
        ...

    def take(self, rows: Rows) -> Images:
        """Only these rows, in this order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ArrayImages:
    """Rows of one array; `rows` names those that count, all where it is None."""

    array: Pixels
    """(N, H, W, C)."""

    rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    def read(self, index: int) -> Pixels:
        """Picture `index`, a view."""
        return self.array[index if self.rows is None else self.rows[index]]

    def take(self, rows: Rows) -> ArrayImages:
        """Only these rows: the array itself is shared."""
        return ArrayImages(self.array, rows if self.rows is None else self.rows[rows])

    def gathered(self) -> Pixels:
        """All of them as one (N, H, W, C) array; the very array, uncopied, where every row counts."""
        return self.array if self.rows is None else self.array[self.rows]


@dataclass(frozen=True, slots=True, eq=False)
class FileImages:
    """Picture files, opened when read."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Pixels:
        """Decode the file: uint8 (H, W, 3)."""
        from tellapart.data.decode import decode

        return decode(self.paths[index])

    def take(self, rows: Rows) -> FileImages:
        """Only these files."""
        return FileImages(tuple(self.paths[row] for row in rows))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImages:
    """Encoded pictures (PNG, JPEG, ...) held in memory, decoded when read."""

    blobs: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.blobs)

    def read(self, index: int) -> Pixels:
        """Decode the bytes: uint8 (H, W, 3)."""
        from tellapart.data.decode import decode

        return decode(self.blobs[index])

    def take(self, rows: Rows) -> EncodedImages:
        """Only these."""
        return EncodedImages(tuple(self.blobs[row] for row in rows))
