"""Place: the images that a file of labels speaks of, in a folder on the disk or inside an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.images import FileImages, Images
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.walk import is_hidden
from tellapart.untrusted.regular_file import is_regular


class Place(Protocol):
    """Images by key: a path relative to the place, with slashes."""

    name: str
    """What a data set of these images is called."""

    where: str
    """The place, for people."""

    def exact(self, name: str) -> str | None:
        """Return the key of the image of exactly this name, absolute or relative; None: there is none."""
        ...

    def listed(self) -> Sequence[str]:
        """Return the keys of all images."""
        ...

    def images(self, keys: Sequence[str]) -> Images:
        """Return the images of these keys, whether they exist or not."""
        ...


class FolderPlace:
    """Image files below a folder, and those that a path relative to the file of labels reaches."""

    def __init__(self, root: Path, beside: Path | None = None) -> None:
        """Take a folder.

        Args:
            root: the folder.
            beside: that of the file of labels, where paths are looked for too.
        """
        self.root, self.name, self.where = root, folder_name(root), str(root)
        self._bases = (root,) if beside is None or beside == root else (root, beside)
        self._above = os.path.join(os.path.normpath(root), "")
        self._keys: tuple[str, ...] | None = None

    def exact(self, name: str) -> str | None:
        """Return the key of the file at a path relative to the folder, or to that of the labels, or absolute."""
        for base in self._bases:
            path = os.path.join(base, name)
            if is_regular(path):
                return self._key(path)
        return None

    def listed(self) -> Sequence[str]:
        """Return the paths of all images below the folder; they are listed once."""
        if self._keys is None:
            self._keys = tuple(sorted(self._key(os.fspath(path)) for path in image_files(self.root)))
        return self._keys

    def images(self, keys: Sequence[str]) -> Images:
        """Return the files."""
        return FileImages(tuple(self.root / key for key in keys))

    def _key(self, path: str) -> str:
        plain = os.path.normpath(path)
        if plain.startswith(self._above):
            return plain[len(self._above) :].replace(os.sep, "/")
        try:
            return os.path.relpath(path, self.root).replace(os.sep, "/")
        except ValueError:  # on another drive of Windows
            return Path(path).as_posix()


def image_files(folder: Path) -> Iterator[Path]:
    """Yield every visible image file below a folder; links are followed, each real folder is visited once."""
    visited: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in visited else sorted(name for name in folders if not is_left_behind(name))
        if real not in visited:
            visited.add(real)
            yield from (
                Path(place, name) for name in files if not is_left_behind(name) and is_image_name(name)
            )


def is_image_name(name: str) -> bool:
    """Return whether a file counts as an image, by its ending in any case."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def is_left_behind(name: str) -> bool:
    """Return whether a name is hidden, or of what systems and archives put beside images."""
    return is_hidden(name) or name.startswith("__")
