"""Links: pictures that are reached under two classes or in two splits, because a link leads to them.

A linked folder that gives pictures of one class to another is refused: it would change labels. Single files that are
reached twice are named, as copies would be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from tellapart.data.sources.layout import Layout
from tellapart.data.sources.walk import Folder
from tellapart.errors import DataError
from tellapart.text import counted


class _Seen(NamedTuple):
    split: str
    class_name: str
    path: PurePath


def notices_of_links(layout: Layout) -> list[str]:
    """Return what a reader must know of pictures that are reached twice.

    Raises:
        DataError: a folder belongs to two classes.
    """
    return [*_of_folders(layout), *_of_files(layout)]


def _places(layout: Layout) -> Iterator[tuple[str, str, Folder]]:
    for split, classes in layout.splits.items():
        for name, folders in classes.items():
            for folder in folders:
                for place in folder.every_folder():
                    yield split, name, place


def _of_folders(layout: Layout) -> Iterator[str]:
    seen: dict[str, _Seen] = {}
    shared: dict[tuple[str, str], int] = {}
    for split, name, place in _places(layout):
        if not place.images:
            continue
        first = seen.setdefault(place.real, _Seen(split, name, place.path))
        if first.class_name != name:
            raise DataError(
                f"{first.path} and {place.path} are linked to the same folder, so its "
                f"{counted(len(place.images), 'picture')} would be both {first.class_name} and {name}. Remove the "
                "link, or replace it with a folder of its own pictures."
            )
        if first.split != split:
            pair = first.split, split
            shared[pair] = shared.get(pair, 0) + len(place.images)
    for (one, other), count in shared.items():
        yield _in_two_splits(count, one, other)


def _of_files(layout: Layout) -> Iterator[str]:
    places = list(_places(layout))
    if not any(place.has_links for _, _, place in places):
        return
    seen: dict[str, _Seen] = {}
    split_pairs: dict[tuple[str, str], int] = {}
    two_classes: list[tuple[_Seen, _Seen]] = []
    read: set[tuple[str, str]] = set()
    for split, name, place in places:
        if (split, place.real) in read:  # by a link to the folder, which `_of_folders` names
            continue
        read.add((split, place.real))
        for path in place.images:
            real = os.path.realpath(str(path)) if place.has_links else os.path.join(place.real, path.name)
            here = _Seen(split, name, path)
            first = seen.setdefault(real, here)
            if first.class_name != name:
                two_classes.append((first, here))
            elif first.split != split:
                split_pairs[first.split, split] = split_pairs.get((first.split, split), 0) + 1
    for (one, other), count in split_pairs.items():
        yield _in_two_splits(count, one, other)
    if two_classes:
        first, here = two_classes[0]
        yield (
            f"{counted(len(two_classes), 'picture')} in two classes by links, so labeled as both: {first.path} is "
            f"{first.class_name}, {here.path} is {here.class_name}"
        )


def _in_two_splits(count: int, one: str, other: str) -> str:
    return (
        f"{counted(count, 'picture')} in both {one} and {other} through links: the score on {other} does not show "
        "how well new pictures are classified"
    )
