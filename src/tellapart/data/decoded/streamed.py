"""Streamed pixels: images that are decoded anew whenever they are asked for, where neither memory nor disk has room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tellapart.data.dataset import Split
from tellapart.data.decoded.reading import read_rows
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import UnreadableImage
from tellapart.data.types import Pixels, Rows
from tellapart.errors import DataError


class StreamedPixels:
    """Images of a split as an array (N, H, W, C) uint8 would give them: by row, slice or array of rows.

    A slice of the other dimensions, such as `[:, :, ::-1]` of all rows, is applied when rows are read.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        behind: tuple[Any, ...] = (),
        parts: Rows | None = None,
    ) -> None:
        """Create it; nothing is decoded yet.

        Args:
            split: whose images are all readable.
            preprocessing: the size, channels and policy.
            behind: what is taken of rows, height, width and channels behind the choice of rows.
            parts: of a slice of all rows, the rows.
        """
        self._split, self._preprocessing, self._behind = split, preprocessing, behind
        self._rows: Rows = np.arange(len(split)) if parts is None else parts
        empty = np.empty((0, *preprocessing.shape), np.uint8)[(slice(None), *behind)]
        self.shape = (len(self._rows), *empty.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Pixels]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        """Decode rows; a slice, with or without slices of other dimensions, gives another StreamedPixels."""
        rows, *others = index if isinstance(index, tuple) else (index,)
        if others and self._behind:
            return np.asarray(self)[index]
        behind = tuple(others) or self._behind
        if isinstance(rows, slice):
            return StreamedPixels(self._split, self._preprocessing, behind, self._rows[rows])
        if isinstance(rows, int | np.integer):
            return self._decoded(self._rows[int(rows)][None])[(0, *behind)]
        return self._decoded(self._rows[rows])[(slice(None), *behind)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        """Decode all rows: what a caller takes as an array must fit into memory."""
        pixels = self._decoded(self._rows)[(slice(None), *self._behind)]
        return pixels if dtype is None else pixels.astype(dtype)

    def _decoded(self, rows: Rows) -> Pixels:
        pixels = np.empty((len(rows), *self._preprocessing.shape), np.uint8)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            images = read_rows(self._split, rows.tolist(), self._preprocessing, threads)
            for place, image in enumerate(images):
                if isinstance(image, UnreadableImage):
                    raise DataError(f"{image.reason}\nIt could be read when the training began. Restore it.")
                pixels[place] = image.pixels
        return pixels
