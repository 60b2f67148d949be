"""Place: the images that a file of labels speaks of, in a folder on the disk or inside an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tellapart.data.images import FileImages, Images
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.walk import is_image_name, walk
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
        self._known: frozenset[str] = frozenset()

    def exact(self, name: str) -> str | None:
        """Return the key of the file at a path relative to the folder, or to that of the labels, or absolute."""
        if name in self._known:
            return name
        for base in self._bases:
            path = os.path.join(base, name)
            if is_regular(path):
                key = self._key(path)
                # Of what lies elsewhere on this machine, a file of labels may name pictures alone.
                return key if is_image_name(key) or not key.startswith(("../", "/")) else None
        return None

    def listed(self) -> Sequence[str]:
        """Return the paths of all images below the folder; they are listed once."""
        if self._keys is None:
            self._keys = tuple(self._key(os.fspath(path)) for path in walk(self.root).every_image())
            self._known = frozenset(self._keys)
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
