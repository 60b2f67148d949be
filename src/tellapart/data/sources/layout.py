"""Layout: which split and class each picture of a folder tree belongs to, read from the names of its folders.

    root/<class>/*                              one undivided set
    root/{train,val,test}/<class>/*             divided; the words are those of `split_words`
    root/<class>/{train,val,test}/*             divided within the classes
    root/<wrapper>/...                          a lone folder around any of these is seen through, and named

Pictures may lie deeper than their class folder. Where two readings are plausible neither is taken: the error names
both, and `class_depth` chooses. What is assumed or left out stands in the notices.

Works on `walk.Folder`, so it reads archives as well. Opens nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from tellapart.data.sources.layout_errors import ambiguous, empty_classes, too_shallow, unsorted
from tellapart.data.sources.split_words import splits_among
from tellapart.data.sources.walk import Folder
from tellapart.errors import DataError
from tellapart.text import counted, natural_key

Classes = dict[str, list[Folder]]
"""Class name -> the folders that hold its pictures."""

_GENERIC = frozenset(
    {"images", "image", "imgs", "img", "pictures", "photos", "jpg", "jpeg", "png", "data", "unknown"}
)
"""Folder names that say nothing of a class."""

_ALIKE = 0.5
"""Share of folder names common to all classes from which on they could be the classes themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller knows of the pictures."""

    class_depth: int | None = None
    """The class is the name of the folder so many levels below the root; None: it is read from the tree."""

    for_training: bool = True
    """Whether training pictures are needed."""

    known_classes: Collection[str] = ()
    """Classes of the model that the pictures are for; a lone folder of that name is no wrapper."""


@dataclass(slots=True)
class Layout:
    """Split -> class -> folders, and what a reader must know."""

    splits: dict[str, Classes]
    left_out: list[Folder] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every class that has pictures, in natural order."""
        return tuple(sorted({name for classes in self.splits.values() for name in classes}, key=natural_key))

    def images(self, split: str) -> Iterator[tuple[PurePath, str]]:
        """Yield the pictures of a split with their class, a class after the other."""
        for name in sorted(self.splits[split], key=natural_key):
            seen: set[str] = set()
            paths: list[PurePath] = []
            for folder in self.splits[split][name]:
                for place in folder.every_folder():
                    if place.real not in seen:  # a second link to it in the same class
                        seen.add(place.real)
                        paths += place.images
            if len(seen) > 1:  # the pictures of one folder are in order
                paths.sort(key=lambda path: natural_key(path.as_posix()))
            for path in paths:
                yield path, name


def read_layout(root: Folder, wish: Wish) -> Layout:
    """Read the splits and classes of a tree.

    Raises:
        DataError: it holds no class folders, an empty one, two for one split, or can be read in two ways.
    """
    if wish.class_depth is not None:
        return _at_depth(root, wish.class_depth)
    base = _inside_wrappers(root, wish.known_classes)
    names = splits_among(folder.name for folder in base.filled)
    divided = _is_divided(root, base, names)
    layout = _by_splits(root, base, names, wish) if divided else _by_classes(root, base)
    if base is not root:
        place = base.path.relative_to(root.path)
        layout.notices.insert(0, f"Reading {place}/, the only folder of {root.path} that holds classes")
    return layout


def _inside_wrappers(folder: Folder, known: Collection[str], *, in_split: bool = False) -> Folder:
    """Return the folder inside all lone folders around it; they are no classes, as one class is no question.

    Args:
        folder: the outermost.
        known: classes; a folder of that name is no wrapper.
        in_split: whether `folder` is that of a split already, so that a second split word is a wrapper.
    """
    while len(filled := folder.filled) == 1:
        (only,) = filled
        inside = sum(1 for _ in only.every_image())
        is_wrapper = only.filled and len(only.images) + len(folder.images) < inside / 2
        if not is_wrapper or only.name in known or (splits_among([only.name]) and not in_split):
            break
        folder = only
    return folder


def _is_divided(root: Folder, base: Folder, names: Mapping[str, str]) -> bool:
    """Return whether the folders named by `names` are splits.

    Raises:
        DataError: they could as well be classes.
    """
    if not names:
        return False
    others = [folder for folder in base.filled if folder.name not in names]
    is_sorted = [bool(folder.filled) for folder in base.filled if folder.name in names]
    several = len(set(names.values())) > 1
    if not others or (several and any(is_sorted)):
        return True
    if set(names.values()) == {"train"} and not any(is_sorted):
        return False  # a train among other vehicles
    raise ambiguous(root, base, names)


def _by_splits(root: Folder, base: Folder, names: Mapping[str, str], wish: Wish) -> Layout:
    layout = Layout({}, [folder for folder in base.folders if folder.name not in names])
    folder_of: dict[str, Folder] = {}
    for folder in base.filled:
        split = names.get(folder.name)
        if split in folder_of:
            raise DataError(
                f"{base.path}: {folder_of[split].name} and {folder.name} both mean {split}. Keep one of them."
            )
        if split is not None:
            folder_of[split] = folder
    for split in sorted(folder_of, key=["train", "validation", "test"].index):
        folder, known = folder_of[split], layout.splits.get("train", wish.known_classes)
        inner = _inside_wrappers(folder, known, in_split=True)
        classes = _classes_of(inner)
        if not classes or (len(classes) == 1 and {*classes} <= _GENERIC - {*known}):
            if split == "train" or not (layout.splits or set(folder_of) - {split}):
                raise unsorted(root, folder if any(each.filled for each in folder_of.values()) else base)
            count = sum(1 for _ in folder.every_image())
            layout.left_out.append(folder)
            layout.notices.append(
                f"{folder.name}/ left out: its {counted(count, 'picture')} are in no class folders"
            )
            continue
        if split == "train":
            _refuse_alike(root, inner)
            if wish.for_training:
                _refuse_empty(inner, classes)
        layout.splits[split] = classes
    if not layout.splits:
        raise unsorted(root, base)
    return layout


def _by_classes(root: Folder, base: Folder) -> Layout:
    classes = _classes_of(base)
    if not classes or (len(classes) == 1 and {*classes} <= _GENERIC):
        raise unsorted(root, base)
    if (inner := _splits_inside(base)) is not None:
        return inner
    _refuse_alike(root, base)
    _refuse_empty(base, classes)
    return Layout({"train": classes})


def _classes_of(folder: Folder) -> Classes:
    """Return the class folders directly in a folder.

    Raises:
        DataError: two have one name, spelled with composed and with decomposed accents.
    """
    classes: Classes = {}
    for inner in folder.filled:
        # macOS writes accents decomposed, Linux composed: one spelling, so both give the same class.
        name = unicodedata.normalize("NFC", inner.name)
        if name in classes:
            raise DataError(f"{folder.path}: two folders are both spelled {name!r}. Rename or merge them.")
        classes[name] = [inner]
    return classes


def _splits_inside(base: Folder) -> Layout | None:
    """Return the layout of classes that are each divided into splits; None where they are not."""
    layout = Layout({}, notices=["Each class folder is divided into splits of its own"])
    if len(base.filled) < 2:
        return None
    for folder in base.filled:
        names = splits_among(inner.name for inner in folder.filled)
        if folder.images or len(names) < len(folder.filled) or len(set(names.values())) < 2:
            return None
        for inner in folder.filled:
            of_split = layout.splits.setdefault(names[inner.name], {})
            of_split.setdefault(unicodedata.normalize("NFC", folder.name), []).append(inner)
    return layout if "train" in layout.splits else None


def _refuse_alike(root: Folder, base: Folder) -> None:
    """Refuse folders that all hold folders of the same names: either could be the classes."""
    inside = [{inner.name.casefold() for inner in folder.filled} for folder in base.filled]
    if len(inside) < 2 or any(folder.images for folder in base.filled) or min(map(len, inside)) < 2:
        return
    if len(set.intersection(*inside)) >= _ALIKE * len(set.union(*inside)):
        raise ambiguous(root, base, {})


def _refuse_empty(folder: Folder, classes: Classes) -> None:
    empty = [inner for inner in folder.folders if unicodedata.normalize("NFC", inner.name) not in classes]
    if empty or folder.loops:
        raise empty_classes(folder, empty)


def _at_depth(root: Folder, depth: int) -> Layout:
    """Take the folders at this depth for the classes; split words above them divide the set."""
    top = splits_among(folder.name for folder in root.filled) if depth > 1 else {}
    layout = Layout({})
    for folder in root.filled:
        if top and folder.name not in top:
            layout.left_out.append(folder)
            continue
        classes = layout.splits.setdefault(top.get(folder.name, "train"), {})
        for inner in _below(folder, depth - 1):
            classes.setdefault(unicodedata.normalize("NFC", inner.name), []).append(inner)
    layout.splits = {split: classes for split, classes in layout.splits.items() if classes}
    if not layout.splits:
        raise too_shallow(root, depth)
    return layout


def _below(folder: Folder, levels: int) -> Iterator[Folder]:
    """Yield the folders with pictures that lie so many levels below one."""
    if levels == 0:
        yield folder
    else:
        for inner in folder.filled:
            yield from _below(inner, levels - 1)
