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

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from tellapart.data.sources.layout_doubts import (
    GENERIC,
    notice_of_copy,
    notice_of_depth,
    plain_name,
    refuse_doubtful,
    without_copies,
)
from tellapart.data.sources.layout_errors import (
    ambiguous,
    beside_its_classes,
    broken_folders,
    divided_in_part,
    empty_classes,
    too_shallow,
    two_for_one_split,
    unsorted,
)
from tellapart.data.sources.split_words import split_of, splits_among
from tellapart.data.sources.walk import Folder
from tellapart.errors import DataError
from tellapart.text import counted, natural_key

Classes = dict[str, list[Folder]]
"""Class name -> the folders that hold its pictures."""


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
    if divided and wish.for_training:
        _refuse_broken(base)
    layout = _by_splits(root, base, names, wish) if divided else _by_classes(root, base, wish)
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
    beside = {folder.name for folder in others}
    for folder in base.filled:
        if folder.name in names and folder.filled and {inner.name for inner in folder.filled} <= beside:
            raise beside_its_classes(root, base, folder)
    raise ambiguous(root, base, names)


def _by_splits(root: Folder, base: Folder, names: Mapping[str, str], wish: Wish) -> Layout:
    layout = Layout({}, [folder for folder in base.folders if folder.name not in names])
    folder_of: dict[str, Folder] = {}
    for folder in base.filled:
        split = names.get(folder.name)
        if split in folder_of:
            raise two_for_one_split(root, base, split, folder_of[split], folder, names)
        if split is not None:
            folder_of[split] = folder
    for split in sorted(folder_of, key=["train", "validation", "test"].index):
        folder, known = folder_of[split], layout.splits.get("train", wish.known_classes)
        inner = _inside_wrappers(folder, known, in_split=True)
        classes = _classes_of(inner.filled, inner)
        if not classes or _says_no_class(classes, folder, known):
            if split == "train" or not (layout.splits or set(folder_of) - {split}):
                raise unsorted(root, folder if any(each.filled for each in folder_of.values()) else base)
            count = sum(1 for _ in folder.every_image())
            layout.left_out.append(folder)
            layout.notices.append(
                f"{folder.name}/ left out: its {counted(count, 'picture')} are in no class folders"
            )
            continue
        layout.splits[split] = _checked_classes(root, inner, layout, wish, known, is_train=split == "train")
    if not layout.splits:
        raise unsorted(root, base)
    return layout


def _says_no_class(classes: Classes, folder: Folder, known: Collection[str]) -> bool:
    """Return whether a split holds a lone folder whose name says nothing of a class: images, or the split's own."""
    if len(classes) != 1:
        return False
    (name,) = classes
    of_split = name.casefold() == plain_name(folder).casefold() or split_of(name) is not None
    return name not in known and (re.sub(r"^all[\s_-]*", "", name.casefold()) in {*GENERIC, ""} or of_split)


def _by_classes(root: Folder, base: Folder, wish: Wish) -> Layout:
    classes = _classes_of(base.filled, base)
    if not classes or (len(classes) == 1 and {*classes} <= GENERIC):
        raise unsorted(root, base)
    if (inner := _splits_inside(base)) is not None:
        return inner
    layout = Layout({})
    layout.splits["train"] = _checked_classes(root, base, layout, wish, wish.known_classes)
    return layout


def _checked_classes(
    root: Folder, base: Folder, layout: Layout, wish: Wish, known: Collection[str], *, is_train: bool = True
) -> Classes:
    """Return the class folders directly in a folder, and note in the layout what must be known of them.

    Folders that are all called as known classes are these.

    Raises:
        DataError: they are probably no classes, or hold no pictures where that is needed.
    """
    folders, copies = without_copies(root, base)
    layout.left_out += copies
    layout.notices += map(notice_of_copy, copies)
    classes = _classes_of(folders, base)
    if not known or not {*classes} <= {*known}:
        refuse_doubtful(root, base, folders)
    if is_train:
        if wish.for_training:
            _refuse_empty(base, {plain_name(folder) for folder in base.filled})
        if depth := notice_of_depth(folders):
            layout.notices.append(depth)
    return classes


def _classes_of(folders: Iterable[Folder], base: Folder) -> Classes:
    """Return these folders by the names of their classes.

    Raises:
        DataError: two have one name, spelled with composed and with decomposed accents.
    """
    classes: Classes = {}
    for inner in folders:
        name = plain_name(inner)
        if name in classes:
            raise DataError(f"{base.path}: two folders are both spelled {name!r}. Rename or merge them.")
        classes[name] = [inner]
    return classes


def _splits_inside(base: Folder) -> Layout | None:
    """Return the layout of classes that are each divided into splits; None where they are not.

    Raises:
        DataError: some are, and others are not.
    """
    layout = Layout({}, notices=["Each class folder is divided into splits of its own"])
    whole: list[Folder] = []
    divided: list[Folder] = []
    for folder in base.filled:
        names = splits_among(inner.name for inner in folder.filled)
        is_divided = bool(names) and not folder.images and len(names) == len(folder.filled)
        (divided if is_divided else whole).append(folder)
        for inner in folder.filled if is_divided else ():
            layout.splits.setdefault(names[inner.name], {}).setdefault(plain_name(folder), []).append(inner)
    if len(base.filled) < 2 or "train" not in layout.splits or len(layout.splits) < 2:
        return None
    if whole:
        raise divided_in_part(base, divided[0], whole[0])
    return layout


def _refuse_empty(folder: Folder, filled: Collection[str]) -> None:
    empty = [inner for inner in folder.folders if plain_name(inner) not in filled]
    _refuse_broken(folder)
    if empty or folder.loops:
        raise empty_classes(folder, empty)


def _refuse_broken(folder: Folder) -> None:
    """Refuse links to nowhere beside the folders of splits or classes: one of these is missing."""
    links = (Path(path) for path in folder.others if not path.suffix)
    if broken := [path for path in links if path.is_symlink() and not path.exists()]:
        raise broken_folders(folder, broken)


def _at_depth(root: Folder, depth: int) -> Layout:
    """Take the folders at this depth for the classes; split words above them divide the set."""
    layout = Layout({})

    def collect(folder: Folder, levels: int, split: str | None) -> None:
        if levels == 0:
            layout.splits.setdefault(split or "train", {}).setdefault(plain_name(folder), []).append(folder)
            return
        above = levels > 1 and split is None
        names = splits_among(inner.name for inner in folder.filled) if above else {}
        for inner in folder.filled:
            if names and inner.name not in names:
                layout.left_out.append(inner)
            else:
                collect(inner, levels - 1, names.get(inner.name, split))

    collect(root, depth, None)
    if not layout.splits:
        raise too_shallow(root, depth)
    return layout
