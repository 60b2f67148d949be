"""Blobs: images that something else than a plain file holds, fetched by key when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.data.images import ImageList
from tellapart.data.types import ImageShape, Pixels, Rows
from tellapart.errors import DataError, PictureError

SHAPES_READ = 200
"""Images that are fetched to learn their shapes, evenly spread: each must be fetched whole."""


@dataclass(frozen=True, slots=True, eq=False)
class BlobImages(ImageList):
    """Images by key, each fetched when it is read."""

    keys: tuple[Any, ...]

    fetch: Callable[[Any], bytes | Path | Pixels]
    """Key -> encoded image, a file of one, or pixels (H, W, 3 or 1). Called from several threads. Raises DataError."""

    names: tuple[str, ...]
    """What errors call each image."""

    def __len__(self) -> int:
        return len(self.keys)

    def source(self, index: int) -> bytes | Path | Pixels:
        """Fetch an image, without decoding it.

        Raises:
            PictureError: it is not there; with its name.
        """
        try:
            return self.fetch(self.keys[index])
        except PictureError:
            raise
        except DataError as reason:
            raise PictureError(f"{self.names[index]}: {reason}") from reason

    def read(self, index: int) -> Pixels:
        """Fetch and decode an image: uint8 (H, W, 3 or 1), upright."""
        return self._with_name(index, _decoded)

    def take(self, rows: Rows) -> BlobImages:
        """Return only these."""
        return BlobImages(
            tuple(self.keys[row] for row in rows), self.fetch, tuple(self.names[row] for row in rows)
        )

    def shapes(self) -> Iterator[ImageShape]:
        """Yield the shapes of a sample."""
        from tellapart.data.decode import image_shape

        for index in range(0, len(self), max(1, len(self) // SHAPES_READ)):
            try:
                yield self._with_name(
                    index,
                    lambda content: content.shape if hasattr(content, "shape") else image_shape(content),
                )
            except PictureError:  # The store will name it.
                continue

    def _with_name(self, index: int, use: Callable[[Any], Any]) -> Any:
        try:
            return use(self.source(index))
        except PictureError as reason:
            raise PictureError(str(reason).replace("<bytes>", self.names[index], 1)) from reason


def _decoded(content: bytes | Path | Pixels) -> Pixels:
    from tellapart.data.decode import decode, load_image

    return decode(content) if isinstance(content, bytes | Path) else load_image(content)[1].pixels
