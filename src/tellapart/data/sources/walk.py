"""The one walk through folders: which files below a folder count as pictures, for every command.

Links are followed, except one that leads back to a folder above it. Hidden entries and what operating systems,
archives and notebooks leave behind (`__MACOSX`, `.ipynb_checkpoints`, `Thumbs.db`) are passed over. A file counts as
a picture by its ending; nothing is opened.

Knows nothing of classes or splits: `layout` reads those from the names.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.errors import DataError
from tellapart.text import natural_key, packed_natural_key

DEEPEST = 64
"""Folders within folders. Nobody sorts pictures deeper."""

MOST_VISITS = 1_000
"""Links that may lead to one folder: two to the next at each of thirty levels would be a billion paths."""

_LEFT_BEHIND = frozenset(
    {
        "thumbs.db",
        "desktop.ini",
        "ehthumbs.db",
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "@eadir",
        "#recycle",
        "icon\r",
    }
)
"""Lower case. What systems and tools put beside pictures."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as the walk found it. Names only; natural order."""

    path: PurePath
    """As reached, through links; inside an archive, relative to it."""

    real: str
    """The same place without links."""

    folders: tuple[Folder, ...] = ()
    images: tuple[PurePath, ...] = ()
    others: tuple[PurePath, ...] = ()
    """Visible files without a picture's ending, broken links to folders among them."""

    loops: tuple[PurePath, ...] = ()
    """Links back to a folder above, not followed."""

    has_links: bool = False
    """Whether a picture directly in it is a link."""

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    def every_folder(self) -> Iterator[Folder]:
        """Yield this folder and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.every_folder()

    def every_image(self) -> Iterator[PurePath]:
        """Yield the pictures in it and below it."""
        for folder in self.every_folder():
            yield from folder.images

    def every_other(self) -> Iterator[PurePath]:
        """Yield the other files in it and below it."""
        for folder in self.every_folder():
            yield from folder.others

    def every_loop(self) -> Iterator[PurePath]:
        """Yield the links that lead back."""
        for folder in self.every_folder():
            yield from folder.loops

    @property
    def holds_images(self) -> bool:
        """Whether any picture lies in it or below it."""
        return any(True for _ in self.every_image())

    @property
    def filled(self) -> tuple[Folder, ...]:
        """The folders directly in it that hold pictures."""
        return tuple(folder for folder in self.folders if folder.holds_images)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that a system or tool leaves beside pictures."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def is_image_name(name: str) -> bool:
    """Return whether a file counts as a picture, by its ending in any case."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def walk(root: str | os.PathLike[str]) -> Folder:
    """Read the names below a folder.

    Raises:
        OSError: a folder cannot be read.
        DataError: folders are nested deeper than DEEPEST, or more than MOST_VISITS links lead to one folder.
    """
    path = Path(root)
    real = os.path.realpath(path)
    return _walk(path, real, (real,), Counter())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether it is a folder or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError as reason:
        if reason.errno != errno.ELOOP:
            raise
        return False


def walk_files(root: str | os.PathLike[str]) -> Iterator[tuple[str, bool]]:
    """Yield every visible file below a folder while it is read, and whether it counts as a picture.

    Only the names of the folders on the way to the present file are in memory: about 200 bytes for each. The order is a
    natural one, folder by folder; it is that of the whole paths, but for folders whose names differ in case alone.

    Raises:
        OSError, DataError: as `walk`.
    """
    path, real = Path(root), os.path.realpath(root)
    yield from _each_file("" if path == Path() else os.path.join(path, ""), real, (real,), Counter())


def _each_file(
    prefix: str, real: str, above: tuple[str, ...], visits: Counter[str]
) -> Iterator[tuple[str, bool]]:
    """Yield the files of a folder, whose path ends in a separator, or is empty for the current one."""
    _enter(prefix or os.curdir, real, above, visits)
    links = set()
    with os.scandir(prefix or os.curdir) as entries:
        names: list[str] = []
        for entry in entries:
            if not is_hidden(entry.name):
                names.append(f"{entry.name}/" if _is_folder(entry) else entry.name)
                if entry.is_symlink():
                    links.add(entry.name)
    names.sort(key=packed_natural_key)
    for name in names:
        if not name.endswith("/"):
            yield prefix + name, is_image_name(name)
            continue
        inner = _real_place(f"{prefix}{name[:-1]}", name[:-1] in links, real)
        if inner not in above:
            yield from _each_file(os.path.join(prefix, name[:-1], ""), inner, (*above, inner), visits)


def _real_place(path: str, is_link: bool, real: str) -> str:
    """Return where a folder lies without links, below a folder of which that is known."""
    return os.path.realpath(path) if is_link else os.path.join(real, os.path.basename(path))


def _enter(path: str | Path, real: str, above: tuple[str, ...], visits: Counter[str]) -> None:
    """Count a visit to a folder.

    Raises:
        DataError: it is too deep, or was visited too often.
    """
    if len(above) > DEEPEST:
        raise DataError(f"{path}: folders are nested more than {DEEPEST} deep. Give one further down.")
    visits[real] += 1
    if visits[real] > MOST_VISITS:
        raise DataError(f"{path}: more than {MOST_VISITS:,} links lead to this folder. Remove some of them.")


def _walk(path: Path, real: str, above: tuple[str, ...], visits: Counter[str]) -> Folder:
    _enter(path, real, above, visits)
    folders: list[Folder] = []
    images: list[Path] = []
    others: list[Path] = []
    loops: list[Path] = []
    has_links = False
    with os.scandir(path) as entries:
        visible = [entry for entry in entries if not is_hidden(entry.name)]
    for entry in sorted(visible, key=lambda entry: natural_key(entry.name)):
        place = Path(entry.path)
        if _is_folder(entry):
            inner = _real_place(entry.path, entry.is_symlink(), real)
            if inner in above:
                loops.append(place)
            else:
                folders.append(_walk(place, inner, (*above, inner), visits))
        elif is_image_name(entry.name):
            images.append(place)
            has_links = has_links or entry.is_symlink()
        else:
            others.append(place)
    return Folder(path, real, tuple(folders), tuple(images), tuple(others), tuple(loops), has_links)
