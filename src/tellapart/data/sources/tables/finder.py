"""Finder: which image a cell of a table means.

In this order: the very path; the path with Windows's backslashes turned; the path without its ending, or in another
case; the file of that name wherever it lies below the place, if only one fits.
"""

from __future__ import annotations

from dataclasses import dataclass

from tellapart.data.sources.tables.place import Place
from tellapart.data.sources.walk import is_image_name


@dataclass(frozen=True, slots=True)
class Found:
    """What a cell means."""

    key: str | None
    """Of the image; None: no image, or more than one."""

    rivals: tuple[str, ...] = ()
    """Keys of the images that it could mean, where they are several."""

    is_elsewhere: bool = False
    """Whether the image lies in another folder than the cell says."""


class Finder:
    """Finds images of a place by what tables call them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._by_name: dict[str, list[str]] | None = None
        self._found: dict[str, Found] = {}

    def find(self, cell: str) -> Found:
        """Return the image that a cell means."""
        if cell not in self._found:
            self._found[cell] = self._search(cell)
        return self._found[cell]

    def _search(self, cell: str) -> Found:
        if not cell.strip("/\\. "):
            return Found(None)
        for name in dict.fromkeys((cell, cell.replace("\\", "/").removeprefix("file://"))):
            if (key := self.place.exact(name)) is not None:
                return Found(key)
        parts = _parts(cell)
        rivals = self._index().get(parts[-1].casefold(), [])
        if not rivals:
            return Found(None)
        fits = [(_shared(_parts(key), parts), key) for key in rivals]
        best = max(fits)[0]
        keys = tuple(key for fit, key in fits if fit == best)
        if len(keys) > 1:
            return Found(None, rivals=keys)
        is_whole = best[1] == len(parts) == len(_parts(keys[0]))
        return Found(keys[0], is_elsewhere=not is_whole)

    def _index(self) -> dict[str, list[str]]:
        """Return file name, and file name without its ending, in lower case -> keys."""
        if self._by_name is None:
            self._by_name = {}
            for key in self.place.listed():
                name = key.rpartition("/")[2].casefold()
                for spelled in {name, name.rpartition(".")[0]}:
                    self._by_name.setdefault(spelled, []).append(key)
        return self._by_name


def _parts(name: str) -> list[str]:
    parts = name.replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".")]


def _shared(key: list[str], cell: list[str]) -> tuple[bool, int, bool]:
    """Return how well a key fits: whether they are the same path, the last parts they share, the same ending."""
    shared = 1
    for ours, theirs in zip(reversed(key[:-1]), reversed(cell[:-1]), strict=False):
        if ours.casefold() != theirs.casefold():
            break
        shared += 1
    return shared == len(cell) == len(key), shared, is_image_name(cell[-1]) and key[-1] == cell[-1]
