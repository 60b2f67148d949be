"""Doubts about class folders: trees whose folders are probably not the classes that they seem to be.

    cat/ dog/ pets/{cat,dog}/           the set once more inside itself: left out if the pictures are the same
    cat/ dog/ dog/cat/                  a class inside another one
    bern/{cat,dog}/ rome/{cat,dog}/     the outer or the inner folders could be the classes
    bird/{owl,tern}/ cat/{lion,lynx}/   likewise
    images_001/ images_002/             parts of a download
    images/ masks/                      pictures and what of them is to be cut out

Each is refused with both readings, except where one of them changes nothing. `--class-depth` overrules all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from tellapart.data.sources.layout_errors import (
    ambiguous,
    class_in_another,
    holds_its_siblings,
    listed,
    numbered_parts,
    pictures_and_masks,
)
from tellapart.data.sources.walk import Folder
from tellapart.text import counted

GENERIC = frozenset(
    {"images", "image", "imgs", "img", "pictures", "photos", "jpg", "jpeg", "png", "data", "unknown"}
)
"""Folder names that say nothing of a class."""

_ALIKE = 0.5
"""Share of folder names common to all classes from which on they could be the classes themselves."""

_PART = re.compile(
    r"(?:.*[\s_.\-])?(?:parts?|batch|chunk|shard|folds?|images?|imgs?|pictures?|pics?|photos?|archive|folder|dir|"
    r"data|dataset|volume|vol|disk|disc|subset|zip)[\s_.\-]*\d+"
)
"""Lower case. What archives of one set in several pieces are called: images_001, HAM10000_images_part_1."""

_MASKS = frozenset(
    {"masks", "mask", "labels", "label", "annotations", "segmentation", "segmentations", "groundtruth", "gt"}
    | {"segmentationclass", "segmentationobject"}
)
"""Lower case, letters alone. Folders whose files look like pictures and say where in a picture something is."""

_OF_PICTURES = GENERIC | {"jpegimages", "original", "originals"}

_DEEPER_NAMED = 3
"""Classes that a notice names."""


def plain_name(folder: Folder) -> str:
    """Return a folder's name with composed accents, as the name of a class."""
    # macOS writes accents decomposed, Linux composed: one spelling, so both give the same class.
    return unicodedata.normalize("NFC", folder.name)


def without_copies(root: Folder, base: Folder) -> tuple[tuple[Folder, ...], list[Folder]]:
    """Return the class folders, and those that hold the set once more, with the same pictures by their names.

    Raises:
        DataError: a folder holds its siblings once more, with other pictures.
    """
    beside = {plain_name(folder).casefold(): folder for folder in base.filled}
    copies = [folder for folder in base.filled if _repeats(folder, beside)]
    for folder in copies:
        inner = innermost(folder)
        if any(
            _images_in(place) - _images_in(beside[plain_name(place).casefold()]) for place in inner.filled
        ):
            raise holds_its_siblings(root, folder, inner)
    return tuple(folder for folder in base.filled if folder not in copies), copies


def innermost(folder: Folder) -> Folder:
    """Return the folder inside all lone folders around it."""
    while not folder.images and len(folder.filled) == 1:
        (folder,) = folder.filled
    return folder


def _repeats(folder: Folder, beside: Mapping[str, Folder]) -> bool:
    """Return whether a folder holds two or more of its siblings, and nothing else."""
    inner = innermost(folder)
    names = {plain_name(place).casefold() for place in inner.filled}
    others = beside.keys() - {plain_name(folder).casefold()}
    return len(names) > 1 and not inner.images and names <= others


def _images_in(folder: Folder) -> set[str]:
    return {path.relative_to(folder.path).as_posix() for path in folder.every_image()}


def notice_of_copy(copy: Folder) -> str:
    """Return the words for a folder that was left out as the set once more."""
    count = sum(1 for _ in copy.every_image())
    return f"{copy.name}/ left out: by their names, its {counted(count, 'picture')} are those beside it once more"


def refuse_doubtful(root: Folder, base: Folder, folders: Sequence[Folder]) -> None:
    """Refuse class folders that are probably none.

    Args:
        root: the folder that was named.
        base: the folder that holds the class folders.
        folders: those.

    Raises:
        DataError: with the readings that there are.
    """
    _refuse_two_levels(root, base, folders)
    names = [plain_name(folder).casefold() for folder in folders]
    if (
        len(names) > 1
        and all(map(_PART.fullmatch, names))
        and len({re.sub(r"\d+", "", n) for n in names}) == 1
    ):
        raise numbered_parts(root, base, folders)
    letters = {re.sub(r"[\W\d_]+", "", name) for name in names}
    if letters & _MASKS and letters & _OF_PICTURES and letters <= _MASKS | _OF_PICTURES:
        raise pictures_and_masks(root, base, folders)
    classes = {plain_name(folder) for folder in folders} - GENERIC
    for folder in folders:
        for place in folder.every_folder():
            name = plain_name(place)
            if place is not folder and place.holds_images and name in classes - {plain_name(folder)}:
                raise class_in_another(root, folder, place)


def _refuse_two_levels(root: Folder, base: Folder, folders: Sequence[Folder]) -> None:
    """Refuse folders that hold folders alone: of the same names in each, or of names in each that look like classes."""
    inside = [{inner.name.casefold() for inner in folder.filled} for folder in folders]
    if len(inside) < 2 or any(folder.images for folder in folders) or min(map(len, inside)) < 2:
        return
    alike = len(set.intersection(*inside)) >= _ALIKE * len(set.union(*inside))
    every = [name for names in inside for name in names]
    distinct = len(set(every)) == len(every) and not any(re.search(r"\d", name) for name in every)
    if alike or (distinct and not GENERIC & set(every)):
        raise ambiguous(root, base, {})


def notice_of_depth(folders: Sequence[Folder]) -> str:
    """Return the words for pictures that lie in several folders of their class; empty where none do."""
    deeper = {
        folder: [inner.name for inner in folder.filled if inner.name.casefold() not in GENERIC]
        for folder in folders
    }
    several = {folder: names for folder, names in deeper.items() if len(names) > 1}
    if not several:
        return ""
    shown = [f"{folder.name} ({listed(names)})" for folder, names in list(several.items())[:_DEEPER_NAMED]]
    more = f" and {len(several) - _DEEPER_NAMED} more" if len(several) > _DEEPER_NAMED else ""
    return f"Folders inside a class count as that class: {', '.join(shown)}{more}"
