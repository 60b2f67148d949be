"""Errors about the layout of a folder: what really lies there, and what was probably meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from tellapart.data.sources.classes_in_names import labels_by, suggested_pattern
from tellapart.data.sources.split_words import SPLIT_OF_WORD, split_of
from tellapart.data.sources.tables.likely import likely_label_file, says_labels
from tellapart.data.sources.walk import Folder, is_hidden, is_image_name
from tellapart.errors import DataError
from tellapart.paths import real_path
from tellapart.text import counted

NAMED_AT_MOST = 6
"""Folders that a message names."""

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar", ".bz2", ".xz")
_NAMES_LOOKED_AT = 2_000
_BOXES = frozenset({"annotations", "labels", "bboxes"})


def listed(names: Sequence[str]) -> str:
    """Return the first names, and dots for the others."""
    return ", ".join(names[:NAMED_AT_MOST]) + (", ..." if len(names) > NAMED_AT_MOST else "")


def ambiguous(root: Folder, base: Folder, names: Mapping[str, str]) -> DataError:
    """Return the error for folders that can be read in two ways.

    Args:
        root: the folder that was named.
        base: the one inside its wrappers.
        names: folder -> split, of those that may be splits.
    """
    depth = len(base.path.relative_to(root.path).parts) + 1
    outer = [folder.name for folder in base.filled]
    inner = sorted({below.name for folder in base.filled for below in folder.filled})
    first = f"the classes {listed(outer)} (--class-depth {depth})"
    if not inner:
        divided = ", ".join(f"{name}/" for name in names)
        return DataError(
            f"{base.path}: {divided} may be a class, or hold pictures that are not sorted into classes. If it "
            f"is a class, pass --class-depth {depth} (classes: {listed(outer)}). Otherwise move {divided} out of "
            f"{base.path}."
        )
    second = f"the classes {listed(inner)} inside them (--class-depth {depth + 1})"
    if names:
        second += f", where {', '.join(f'{name}/ is the {split} split' for name, split in names.items())}"
    return DataError(f"{base.path} can be read in two ways: {first}; or {second}. Choose one.")


def as_classes(root: Folder, base: Folder, words: str) -> str:
    """Return the sentence that says how to read the folders as classes all the same."""
    return f"If {words}, pass --class-depth {len(base.path.relative_to(root.path).parts) + 1}."


def beside_its_classes(root: Folder, base: Folder, split_folder: Folder) -> DataError:
    """Return the error for a split's folder, such as test/, beside classes that it holds too."""
    names = listed([inner.name for inner in split_folder.filled])
    return DataError(
        f"{base.path}: {split_folder.name}/ holds {names}, and so does {base.path} itself. Put what lies beside "
        f"{split_folder.name}/ into a split of its own, such as {_other_split(split_folder.name)}/. "
        + as_classes(root, base, f"{split_folder.name} is a class")
    )


def _other_split(name: str) -> str:
    return "test" if name.lower().startswith("train") else "train"


def divided_in_part(base: Folder, divided: Folder, undivided: Folder) -> DataError:
    """Return the error for classes of which one is divided into splits and another is not."""
    names = listed([inner.name for inner in divided.filled])
    return DataError(
        f"{base.path}: {divided.name}/ is divided into {names}, and {undivided.name}/ is not. Divide every class "
        "alike, or none: then put the pictures of each directly into its folder."
    )


def holds_its_siblings(root: Folder, folder: Folder, inner: Folder) -> DataError:
    """Return the error for a folder that holds the classes beside it once more, with other pictures."""
    base = Folder(folder.path.parent, folder.real)
    names = listed([place.name for place in inner.filled])
    return DataError(
        f"{inner.path} holds {names} once more, beside folders of these names in {base.path}, and with other "
        "pictures. Move its pictures into those, or move it away. "
        + as_classes(root, base, f"{folder.name} is a class")
    )


def class_in_another(root: Folder, folder: Folder, place: Folder) -> DataError:
    """Return the error for a folder that is called as one class and lies in another."""
    base = Folder(folder.path.parent, folder.real)
    count = counted(sum(1 for _ in place.every_image()), "picture")
    return DataError(
        f"{place.path} is called as the class {place.name} and lies in the class {folder.name}, so its {count} would "
        f"be {folder.name}. Move it, or give it another name. {as_classes(root, base, f'{folder.name} is right')}"
    )


def numbered_parts(root: Folder, base: Folder, folders: Sequence[Folder]) -> DataError:
    """Return the error for folders that are the parts of a download."""
    names = listed([folder.name for folder in folders])
    return DataError(
        f"{base.path}: {names} look like the parts of one set, not like classes.\n{_hint(root)}"
        f"Put each class's pictures in a folder of their own, or pass --labels FILE.csv. "
        + as_classes(root, base, "they are classes")
    )


def pictures_and_masks(root: Folder, base: Folder, folders: Sequence[Folder]) -> DataError:
    """Return the error for pictures beside masks of what is in them."""
    names = listed([folder.name for folder in folders])
    return DataError(
        f"{base.path}: {names} seem to hold pictures and masks, which say where in a picture something is. tellapart "
        "tells whole pictures apart: give the pictures' folder with --labels FILE.csv, or sort the pictures into class "
        "folders. " + as_classes(root, base, "they are classes")
    )


def two_for_one_split(
    root: Folder, base: Folder, split: str, one: Folder, other: Folder, names: Mapping[str, str]
) -> DataError:
    """Return the error for two folders that mean one split: two versions of it, or the split beside a class's name."""
    words = "|".join(SPLIT_OF_WORD)
    forms = rf"(?P<label>[^/]+)[_ -](?P<split>{words})", rf"(?P<split>{words})[_ -](?P<label>[^/]+)"
    for form in forms:
        matches = [re.fullmatch(form, name, re.IGNORECASE) for name in names]
        if all(match and re.search(r"[^\W\d_]", match["label"]) for match in matches):
            used = "|".join(sorted({match["split"] for match in matches if match}))
            pattern = rf"(?:^|/){form}/".replace(words, used).replace(
                "[_ -]", "_" if "_" in one.name else "[_ -]"
            )
            return DataError(
                f"{base.path}: {one.name} and {other.name} both mean {split}, and seem to name a class too. If that is "
                f"meant, pass --label-pattern '{pattern}'. {as_classes(root, base, 'each is a class')}"
            )
    return DataError(
        f"{base.path}: {one.name} and {other.name} both mean {split}. Keep one of them. "
        + as_classes(root, base, "they are classes")
    )


def too_shallow(root: Folder, depth: int) -> DataError:
    """Return the error for a tree that holds no pictures so deep."""
    return DataError(
        f"{root.path}: no pictures in folders {counted(depth, 'level')} below it. Choose a smaller --class-depth, or "
        "leave it out."
    )


def empty_classes(folder: Folder, empty: Sequence[Folder]) -> DataError:
    """Return the error for class folders that hold no pictures."""
    lines = [f"  {inner.name}/ {_content(inner)}" for inner in empty[:NAMED_AT_MOST]]
    lines += [f"  {loop.name} is a link to a folder above it, which is not followed" for loop in folder.loops]
    names = [inner.name for inner in empty] + [loop.name for loop in folder.loops]
    return DataError(
        f"{folder.path}: no pictures in the class folder{'s' * (len(names) > 1)} {listed(names)}.\n"
        + "\n".join(lines)
        + "\nPut pictures there, or remove the folder."
    )


def broken_folders(folder: Folder, broken: Sequence[PurePath]) -> DataError:
    """Return the error for links beside the folders of a set that lead nowhere."""
    links = [f"{path.name} is a broken link to {Path(path).readlink()}" for path in broken[:NAMED_AT_MOST]]
    return DataError(
        f"{folder.path}: {', '.join(links)}. Correct or remove {'it' if len(broken) == 1 else 'them'}."
    )


def _content(folder: Folder) -> str:
    """Return what a folder without pictures holds."""
    loops, others = list(folder.every_loop()), list(folder.every_other())
    if loops:
        return f"holds {loops[0].name}, a link to a folder above it, which is not followed"
    if not others:
        return "is empty"
    broken = [path for path in others if Path(path).is_symlink() and not Path(path).exists()]
    if broken:
        return f"holds {broken[0].name}, a broken link to {Path(broken[0]).readlink()}"
    return f"holds {_kinds(others)}, but no pictures"


def _kinds(paths: Sequence[PurePath]) -> str:
    endings = Counter(path.suffix.lower() or "no ending" for path in paths)
    words = [f"{count:,} {ending}" for ending, count in endings.most_common(3)]
    return f"{', '.join(words)} file{'s' * (len(paths) != 1)}"


def unsorted(root: Folder, folder: Folder) -> DataError:
    """Return the error for pictures that do not lie in class folders.

    Args:
        root: the folder that was named.
        folder: the one in it that was expected to hold class folders.
    """
    places = [inner.name for inner in folder.every_folder() if inner.images and inner is not root]
    images = sum(1 for _ in folder.every_image())
    files = images + sum(1 for _ in folder.every_other())
    hollow = sum(1 for inner in folder.folders if not inner.holds_images)
    where = f" ({listed(places)} hold{'s' * (len(places) == 1)} pictures directly)" if places else ""
    nothing = f" and {counted(hollow, 'folder')} without pictures" if hollow else ""
    of_these = f", {images:,} of them pictures" if images else ", none with the ending of a picture"
    of_these = of_these if images < files else ""
    return DataError(
        f"{folder.path}: no class folders found (looked for {folder.path}/<class>/*.jpg and "
        f"{folder.path}/train/<class>/*.jpg){where}.\n"
        f"It holds {counted(files, 'file')}{of_these}{nothing}.\n"
        f"{_hint(root)}Put each class's pictures in a folder of their own, or pass --labels FILE.csv."
    )


def _hint(root: Folder) -> str:
    """Return a line that names what is probably meant; empty where nothing suggests itself."""
    others = list(root.every_other())
    if above := _classes_above(root):
        return above
    tables = [
        path for path in others if path.suffix.lower() in _TABLES and "submission" not in path.name.lower()
    ]
    table = likely_label_file(tables) if tables else None
    with_table = f"Does {table} name the classes? Then pass --labels {table}.\n"
    if table is not None and says_labels(table):
        return with_table
    if names := _classes_in_names(root):
        return names
    if {folder.name.lower() for folder in root.every_folder()} & _BOXES and any(
        path.suffix.lower() in (".txt", ".xml", ".json") for path in others
    ):
        return "This looks like an object detection data set (YOLO, VOC, COCO). tellapart needs a class per picture.\n"
    if table is not None:
        return with_table
    archives = [path for path in others if path.suffix.lower() in _ARCHIVES]
    if archives and not root.holds_images:
        return f"It holds archives ({listed([path.name for path in archives])}): give one of them, or unpack it.\n"
    if loops := list(root.every_loop()):
        return f"{loops[0]} is a link to a folder above it, which is not followed.\n"
    broken = [path for path in others if Path(path).is_symlink() and not Path(path).exists()]
    return f"{broken[0]} is a broken link to {Path(broken[0]).readlink()}.\n" if broken else ""


def _classes_in_names(root: Folder) -> str:
    """Return a line where the names of the pictures in one folder show their classes, as cat.0.jpg does."""
    flat = [folder for folder in root.every_folder() if len(folder.images) > 1]
    places = [(root.path, [path for folder in flat for path in folder.images])]
    places += [
        (folder.path, list(folder.images))
        for folder in sorted(flat, key=lambda folder: split_of(folder.name) != "train")
    ]
    for place, images in places:
        names = [path.name for path in images[:: 1 + len(images) // _NAMES_LOOKED_AT]]
        if pattern := suggested_pattern(names):
            return (
                f"The names in {place} look like the classes {listed(labels_by(pattern, names))}. If that is meant, "
                f"give {root.path if Path(root.path).is_file() else place} --label-pattern '{pattern}'.\n"
            )
    return ""


def _classes_above(root: Folder) -> str:
    """Return a line where `root` seems to be one class folder of several, else nothing."""
    above = real_path(Path(root.path)).parent
    with suppress(OSError, DataError):
        beside = [place for place in sorted(above.iterdir()) if place.is_dir() and not is_hidden(place.name)]
        if (
            root.images
            and len(beside) > 1
            and all(any(map(is_image_name, _names(place))) for place in beside)
        ):
            names = listed([place.name for place in beside])
            return f"Did you mean {above}, which holds {len(beside)} folders with pictures: {names}?\n"
    return ""


def _names(folder: Path) -> list[str]:
    return [place.name for place in folder.iterdir()]
