"""Class folders: which file belongs to which split and class.

Two forms: root/<class>/* and root/{train,validation,test}/<class>/*. Only names are read here; the images
themselves stay closed.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tellapart.data.dataset import Dataset, Split
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.images import FileImages
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.errors import DataError
from tellapart.paths import real_path
from tellapart.text import natural_key

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Folder names that mean a split, in any case."""

NAMED_AT_MOST = 6
"""Folders that a message names."""

_WINDOWS_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(slots=True)
class FolderListing:
    """Class names, and the files of each split with their class numbers."""

    class_names: tuple[str, ...]
    splits: dict[str, list[tuple[Path, int]]]
    ignored: list[Path]
    """Visible entries that are left out: files with another suffix than an image's, and whatever lies beside the
    folders of splits or classes."""


@dataclass(slots=True)
class _Tally:
    """What one scan has seen so far."""

    ignored: list[Path] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)


def _accepts(request: OpenRequest) -> bool:
    return request.path is not None and request.path.is_dir()


def _open(request: OpenRequest) -> Dataset:
    root = request.existing_path
    listing = scan_folder(root)
    splits = {
        split: Split(
            tuple(path.relative_to(root).as_posix() for path, _ in files),
            np.array([label for _, label in files], np.int64),
            FileImages(tuple(path for path, _ in files)),
        )
        for split, files in listing.splits.items()
        if files
    }
    ignored = tuple(path.relative_to(root).as_posix() + "/" * path.is_dir() for path in listing.ignored)
    return assemble(folder_name(root), listing.class_names, splits, str(root), ignored=ignored)


def folder_name(root: Path) -> str:
    """Return what a data set in this folder is called: the folder's own name."""
    return real_path(root).name or "pictures"


def scan_folder(root: Path) -> FolderListing:
    """Sort the images under `root` into splits and classes.

    Raises:
        DataError: no class folders, an empty class folder, or two folders for one split.
    """
    tally = _Tally()
    split_folders = _split_folders(root)
    if split_folders:
        tally.ignored += _beside(root, split_folders.values())
        by_split = {split: _classes(folder, tally) for split, folder in split_folders.items()}
    else:
        by_split = {"train": _classes(root, tally)}
        _refuse_unsorted(root, by_split["train"])
    _refuse_empty(split_folders.get("train", root), by_split["train"])
    names = sorted(
        {name for classes in by_split.values() for name, paths in classes.items() if paths}, key=natural_key
    )
    number_of = {name: number for number, name in enumerate(names)}
    splits = {
        split: [
            (path, number_of[name]) for name in sorted(classes, key=natural_key) for path in classes[name]
        ]
        for split, classes in by_split.items()
    }
    return FolderListing(tuple(names), splits, tally.ignored)


def _split_folders(root: Path) -> dict[str, Path]:
    """Return split -> folder; empty unless `train` itself holds folders with images."""
    folders: dict[str, Path] = {}
    for folder in _subfolders(root):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split is None:
            continue
        if split in folders:
            raise DataError(
                f"{root}: {folders[split].name} and {folder.name} both mean {split}. Keep one of them."
            )
        folders[split] = folder
    train = folders.get("train")
    if (
        train is None
        or not any(True for _ in _subfolders(train))
        or not any(_classes(train, _Tally()).values())
    ):
        return {}
    return folders


def _classes(folder: Path, tally: _Tally) -> dict[str, list[Path]]:
    """Return class name -> its sorted images; a class folder without any has an empty list."""
    classes: dict[str, list[Path]] = {}
    subfolders = _subfolders(folder)
    tally.ignored += _beside(folder, subfolders)
    for subfolder in subfolders:
        # macOS writes accents decomposed, Linux composed: one spelling, so both give the same class.
        name = unicodedata.normalize("NFC", subfolder.name)
        if name in classes:
            raise DataError(f"{folder}: two folders are both spelled {name!r}. Rename or merge them.")
        classes[name] = sorted(_images(subfolder, tally), key=lambda path: natural_key(path.as_posix()))
    return classes


def _images(folder: Path, tally: _Tally) -> Iterator[Path]:
    """Yield every image under `folder`, links followed, each real folder once."""
    real = os.path.realpath(folder)
    if real in tally.visited:
        return
    tally.visited.add(real)
    for entry in os.scandir(folder):
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _images(Path(entry.path), tally)
        elif is_hidden(entry.name):
            continue
        elif Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
            tally.ignored.append(Path(entry.path))
        else:
            yield Path(entry.path)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that the operating system puts beside images."""
    return name.startswith(".") or name.lower() in _WINDOWS_FILES


def _beside(folder: Path, expected: Collection[Path]) -> list[Path]:
    """Return the visible entries of a folder other than the expected ones."""
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        if Path(entry.path) not in expected and not is_hidden(entry.name) and not entry.name.startswith("__")
    )


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        # __MACOSX and __pycache__ come with archives and tools, not with pictures.
        if entry.is_dir() and not entry.name.startswith((".", "__"))
    )


def _refuse_empty(folder: Path, classes: dict[str, list[Path]]) -> None:
    empty = [name for name, paths in classes.items() if not paths]
    if empty:
        raise DataError(
            f"{folder}: no pictures in the class folder{'s' * (len(empty) > 1)} {', '.join(empty)}.\n"
            "Put pictures there, or remove the folder."
        )


def _refuse_unsorted(root: Path, classes: dict[str, list[Path]]) -> None:
    filled = [name for name, paths in classes.items() if paths]
    if filled and not all(name.lower() in SPLIT_FOLDERS for name in filled):
        return
    files = sum(1 for _, _, names in os.walk(root) for _ in names)
    empty = len(classes) - len(filled)
    holds_nothing = f" and {empty} empty folder{'s' * (empty != 1)}" if empty else ""
    where = f" ({', '.join(filled)} hold pictures directly)" if filled else ""
    raise DataError(
        f"{root}: no class folders found (looked for {root}/<class>/*.jpg and {root}/train/<class>/*.jpg)"
        f"{where}.\n"
        f"It holds {files} file{'s' * (files != 1)}{holds_nothing}.\n"
        f"{_classes_above(root)}Put each class's pictures in a folder of their own, or pass --labels FILE.csv."
    )


def _classes_above(root: Path) -> str:
    """Return a line for an error where `root` seems to be one class folder of several, else nothing."""
    above = real_path(root).parent
    with suppress(OSError):
        beside = _subfolders(above)
        if len(beside) > 1 and all(map(_has_images, beside)):
            names = _listed([place.name for place in beside])
            return f"Did you mean {above}, which holds {len(beside)} folders with pictures: {names}?\n"
    return ""


def _has_images(folder: Path) -> bool:
    return any(Path(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in os.scandir(folder))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED_AT_MOST]) + (", ..." if len(names) > NAMED_AT_MOST else "")


CLASS_FOLDERS = Source(title="a folder of class folders", accepts=_accepts, open=_open)
