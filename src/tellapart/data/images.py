"""Images that are read one by one, wherever they lie: rows of an array, files, or encoded bytes.

Each kind says where image `i` lies, gives it as uint8 (H, W, 3 or 1) and can be narrowed to some of its rows
without copying pixels. Files stay closed until they are read: whole by `read`, or by `fitted.fitted` from their
`source`, at a network's size.

Knows nothing of labels, classes or splits.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tellapart.data.types import ImageShape, Pixels, Rows
from tellapart.errors import PictureError
from tellapart.pages.card import Readable
from tellapart.text import counted

HEADERS_READ = 2_000
"""At most about so many headers are read to learn the shapes of many files, evenly spread over them."""


class Images(Protocol):
    """What a Split needs of its images."""

    def __len__(self) -> int: ...

    def source(self, index: int) -> Path | bytes | Pixels:
        """Return what `fitted` reads image `index` from: a file, a file's content, or pixels (H, W, 3 or 1)."""
        ...

    def read(self, index: int) -> Pixels:
        """Return image `index` as uint8 (H, W, 3 or 1), all its pixels."""
        ...

    def take(self, rows: Rows) -> Images:
        """Return only these rows, in this order."""
        ...

    def shapes(self) -> Iterator[ImageShape]:
        """Yield shapes that occur, without decoding: of one image where all agree, else of a spread sample."""
        ...


class ImageList(Readable):
    """Images that are indexed as a list is, each decoded when it is asked for."""

    __slots__ = ()

    def __getitem__(self: Images, index: Any) -> Any:
        """Return image `index` as `read` does; of a slice, these images, still to be read.

        Raises:
            IndexError: there is none.
        """
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = operator.index(index)
        if not -len(self) <= row < len(self):
            raise IndexError(f"image {row} of {counted(len(self), 'image')}")
        return self.read(row % len(self))

    def __iter__(self: Images) -> Iterator[Pixels]:
        return map(self.read, range(len(self)))

    def _parts(self: Images) -> list[str]:
        return [counted(len(self), "picture")]


@dataclass(frozen=True, slots=True, eq=False)
class ArrayImages(ImageList):
    """Rows of one array."""

    array: Pixels
    """(N, H, W, C)."""

    rows: Rows | None = None
    """The rows that count; None: all."""

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    def source(self, index: int) -> Pixels:
        """Return image `index`, a view."""
        return self.array[index if self.rows is None else self.rows[index]]

    def read(self, index: int) -> Pixels:
        """Return image `index`, a view."""
        return self.source(index)

    def take(self, rows: Rows) -> ArrayImages:
        """Return only these rows; the array itself is shared."""
        return ArrayImages(self.array, rows if self.rows is None else self.rows[rows])

    def shapes(self) -> Iterator[ImageShape]:
        """Yield the one shape that all rows have."""
        _, height, width, channels = self.array.shape
        yield height, width, channels

    def gathered(self) -> Pixels:
        """Return all rows as one (N, H, W, C) array; the very array, uncopied, where every row counts."""
        return self.array if self.rows is None else self.array[self.rows]


@dataclass(frozen=True, slots=True, eq=False)
class FileImages(ImageList):
    """Image files, opened when read."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def source(self, index: int) -> Path:
        """Return the file's path."""
        return self.paths[index]

    def read(self, index: int) -> Pixels:
        """Decode the file: uint8 (H, W, 3), upright."""
        from tellapart.data.decode import decode

        return decode(self.paths[index])

    def take(self, rows: Rows) -> FileImages:
        """Return only these files."""
        return FileImages(tuple(self.paths[row] for row in rows))

    def shapes(self) -> Iterator[ImageShape]:
        """Yield the shapes in a sample of the headers."""
        return _shapes_in_headers(self.paths)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImages(ImageList):
    """Encoded images (PNG, JPEG, ...) held in memory, decoded when read."""

    blobs: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.blobs)

    def source(self, index: int) -> bytes:
        """Return the bytes."""
        return self.blobs[index]

    def read(self, index: int) -> Pixels:
        """Decode the bytes: uint8 (H, W, 3), upright."""
        from tellapart.data.decode import decode

        return decode(self.blobs[index])

    def take(self, rows: Rows) -> EncodedImages:
        """Return only these."""
        return EncodedImages(tuple(self.blobs[row] for row in rows))

    def shapes(self) -> Iterator[ImageShape]:
        """Yield the shapes in a sample of the headers."""
        return _shapes_in_headers(self.blobs)


def _shapes_in_headers(encoded: Sequence[Path] | Sequence[bytes]) -> Iterator[ImageShape]:
    from tellapart.data.decode import image_shape

    for image in encoded[:: max(1, len(encoded) // HEADERS_READ)]:
        try:
            yield image_shape(image)
        except PictureError:  # The store will name it.
            continue
