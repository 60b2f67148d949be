"""Pixel file: decoded images, one behind the other, read row by row or as a mapped array."""

from __future__ import annotations

import errno
import math
import mmap
import os
import weakref
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from tellapart.data.decoded.resident import keep_small
from tellapart.data.types import ImageShape, Pixels, Rows

CHECKED_AT_ONCE = 64 << 20
"""Bytes that share a checksum."""


class NoRoomError(Exception):
    """The disk has no room for the decoded images."""


class PixelFile:
    """Images of one shape in a file."""

    def __init__(self, path: Path, count: int, shape: ImageShape) -> None:
        """Open a file.

        Args:
            path: a file that `PixelWriter` has written. It may be deleted as soon as this returns, where the system
                allows that for open files.
            count: of images, at least 1.
            shape: of each, (height, width, channels).
        """
        self._bytes_each = math.prod(shape)
        with open(path, "rb") as file:
            self._descriptor = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._descriptor)
            mapped = mmap.mmap(file.fileno(), count * self._bytes_each, access=mmap.ACCESS_READ)
        keep_small(mapped)
        self.images: Pixels = np.frombuffer(mapped, np.uint8).reshape(count, *shape)
        """(N, H, W, C), mapped, read-only: for whatever looks at a few images, or at all one after the other."""

    def rows(self, rows: Rows) -> Pixels:
        """Return these rows, (len(rows), H, W, C), read while other threads compute."""
        if not hasattr(os, "preadv"):
            return self.images[rows]
        images = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        for place in np.argsort(rows, kind="stable"):  # in the file's order
            buffer, offset = memoryview(images[place]).cast("B"), int(rows[place]) * self._bytes_each
            while buffer:
                count = os.preadv(self._descriptor, [buffer], offset)
                if not count:
                    raise OSError(errno.EIO, "the file of decoded pictures is shorter than it was")
                buffer, offset = buffer[count:], offset + count
        return images


class PixelWriter:
    """Writes the file of a PixelFile, image by image; as a context, its end closes it, flushed to the disk."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Make the file and claim its room.

        Args:
            path: of the file, made anew.
            most_bytes: that will be written.

        Raises:
            NoRoomError: the disk has no room for these.
        """
        self._file: IO[bytes] = open(path, "wb", buffering=1 << 20)  # noqa: SIM115  (closed by __exit__)
        self._unchecked, self._checksum = 0, 0
        self.checksums: list[int] = []
        """CRC-32 of each CHECKED_AT_ONCE bytes or a little more, and of the rest."""

        if hasattr(os, "posix_fallocate") and most_bytes:
            try:
                os.posix_fallocate(self._file.fileno(), 0, most_bytes)
            except OSError as reason:
                self._file.close()
                path.unlink(missing_ok=True)
                raise _no_room(reason) from reason

    def append(self, pixels: Pixels) -> None:
        """Write one image.

        Raises:
            NoRoomError: the disk is full.
        """
        content = np.ascontiguousarray(pixels).data
        try:
            self._file.write(content)
        except OSError as reason:
            raise _no_room(reason) from reason
        self._checksum = zlib.crc32(content, self._checksum)
        self._unchecked += content.nbytes
        if self._unchecked >= CHECKED_AT_ONCE:
            self._next_checksum()

    def _next_checksum(self) -> None:
        self.checksums.append(self._checksum)
        self._unchecked, self._checksum = 0, 0

    def __enter__(self) -> PixelWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                if self._unchecked:
                    self._next_checksum()
                self._file.flush()
                self._file.truncate(self._file.tell())
                os.fsync(self._file.fileno())


def is_whole(path: Path, checksums: list[int], count: int, bytes_each: int) -> bool:
    """Return whether a file has the bytes that were written into it."""
    images = max(1, -(-CHECKED_AT_ONCE // bytes_each))
    try:
        if path.stat().st_size != count * bytes_each:
            return False
        with open(path, "rb") as file:
            found = [
                zlib.crc32(file.read(min(images, count - start) * bytes_each))
                for start in range(0, count, images)
            ]
    except OSError:
        return False
    return found == checksums


def _no_room(reason: OSError) -> Exception:
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return NoRoomError(str(reason)) if reason.errno in full else reason
