"""Misses: why the images that a table names are not there."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path, PurePosixPath

from tellapart.data.sources.tables.columns import Columns
from tellapart.data.sources.tables.finder import Found
from tellapart.data.sources.tables.place import FolderPlace, Place
from tellapart.data.sources.tables.table import MOST_COLUMNS
from tellapart.data.sources.walk import is_image_name
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.untrusted.regular_file import is_regular

MOST_MISSING = 0.5
"""Share of the rows whose images may be missing."""

_MANY_PIXELS = 64

_BESIDE_AT_MOST = 200
"""Folders beside the images' that are looked into."""


def refuse_many_missing(columns: Columns, path: int, found: list[Found], place: Place) -> None:
    """Raise if more than MOST_MISSING of the rows name no image.

    Raises:
        DataError: naming the first, and the likely cause.
    """
    missing = [row for row, hit in enumerate(found) if hit.key is None]
    if len(missing) <= MOST_MISSING * len(found):
        return
    first = missing[0]
    name, line = columns.rows[first][path], columns.lines[first]
    word = columns.table.row_word
    rest = (
        f" {len(missing):,} of {len(found):,} {word}s cannot be matched to a picture."
        if len(missing) > 1
        else ""
    )
    raise DataError(
        f"{columns.table.path}: {word} {line} names {name}, but "
        f"{_what_is_there(name, found[first], place)}.{rest}\n{_advice(columns, path, name, found[first], place)}"
    )


def refuse_pixels(columns: Columns) -> None:
    """Raise if the cells are the pixels themselves, as in many copies of MNIST, or there are too many columns.

    Raises:
        DataError: they are.
    """
    of_pixels = [
        name for name in columns.names if re.fullmatch(r"(pixel|px)s?[_ ]?\d*|\d+x\d+", name.lower())
    ]
    if len(of_pixels) >= _MANY_PIXELS or "pixels" in of_pixels:
        raise DataError(
            f"{columns.table.path}: holds pixel values "
            f"({', '.join(of_pixels[:3])}{', ...' * (len(of_pixels) > 3)}), not names of picture files. Load them in "
            "Python and pass arrays: tellapart.train((x, y)), with x of shape (N, height, width) and values 0 to 255."
        )
    if len(columns.names) > MOST_COLUMNS:
        raise DataError(
            f"{columns.table.path}: {len(columns.names):,} columns; at most {MOST_COLUMNS:,} are read. Keep those of "
            "the pictures' paths and their classes."
        )


def _what_is_there(name: str, hit: Found, place: Place) -> str:
    if hit.rivals:
        return f"several pictures have that name: {', '.join(hit.rivals[:3])}"
    return f"there is no {place.where}/{name}" if not name.startswith("/") else "there is no such file"


def _advice(columns: Columns, path: int, name: str, hit: Found, place: Place) -> str:
    if name.lower().startswith(("http://", "https://")):
        return "Web addresses are not read: download the pictures first, and name the files."
    if hit.rivals:
        return f"Include the folder, as in {hit.rivals[0]}."
    keys = place.listed()
    if not keys:
        return f"{place.where} holds no pictures at all: give the folder that does." + _folder_beside(
            place, name
        )
    beside = _folder_beside(place, name)
    if beside:
        return beside.strip()
    stem = PurePosixPath(name.replace("\\", "/")).stem if is_image_name(name) else name
    similar = [key for key in keys if PurePosixPath(key).stem.casefold() == stem.casefold()]
    if similar:
        return f"Did you mean {similar[0]}? Correct the file extensions, or leave them out."
    return (
        f"{place.where} holds {counted(len(keys), 'picture')}, such as {keys[0]}. If another column names "
        f"them, say so with --path-column (columns: {columns.called(range(len(columns.names)))}; the paths were taken "
        f"from {columns.names[path]})."
    )


def _folder_beside(place: Place, name: str) -> str:
    """Return a hint at a folder beside the images' in which the name is found; empty where there is none."""
    if not isinstance(place, FolderPlace) or os.path.isabs(name):
        return ""
    above = Path(os.path.realpath(place.root)).parent
    try:
        folders = [
            above,
            *(Path(entry.path) for entry in islice(os.scandir(above), _BESIDE_AT_MOST) if entry.is_dir()),
        ]
    except OSError:
        return ""
    there = next((folder for folder in folders if is_regular(folder / name.replace("\\", "/"))), None)
    return (
        ""
        if there is None
        else f" {name} is in {there}. Give that folder as DATA, and this file with --labels."
    )
