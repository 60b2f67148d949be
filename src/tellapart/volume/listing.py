"""The list of pictures of one job: written once, when it begins, and read as a stream from then on.

A job that is continued goes by this list, whatever has happened to the folders since: the same pictures in the same
order. It is a file with a path in JSON on each line, so that a million paths need no memory.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.sources.walk import walk_files
from tellapart.errors import DataError
from tellapart.files import unreadable_is_bad_data, write_whole

NAMED = 100
"""Files without a picture's ending whose names are kept."""

BETWEEN_REPORTS = 10_000
"""Pictures found from one report to the next."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How many pictures there are, and what was passed over."""

    pictures: int
    others: tuple[str, ...] = ()
    """The first files of folders without a picture's ending."""

    other_count: int = 0


class _Counts:
    def __init__(self) -> None:
        self.pictures, self.other_count = 0, 0
        self.others: list[str] = []


def write_listing(
    place: Path, paths: Sequence[Path], beside: Path, found: Callable[[int], None] = lambda _: None
) -> Listing:
    """List files, and every picture in folders, into a file.

    Args:
        place: of the list.
        paths: of files and folders, in the order of the list; a file need not be there.
        beside: a folder of ours, which is passed over.
        found: called with the number of pictures found so far, now and then.

    Raises:
        DataError: a folder cannot be read, or there is no picture in it.
        SaveError: the list cannot be written.
    """
    counts = _Counts()

    def write(list_file: Path) -> None:
        with list_file.open("w", encoding="ascii") as lines:
            for path in _every_picture(paths, os.path.join(beside, ""), counts):
                lines.write(f"{json.dumps(path)}\n")
                counts.pictures += 1
                if not counts.pictures % BETWEEN_REPORTS:
                    found(counts.pictures)

    write_whole(place, write)
    return Listing(counts.pictures, tuple(counts.others), counts.other_count)


def _every_picture(paths: Iterable[Path], ours: str, counts: _Counts) -> Iterator[str]:
    for path in paths:
        with unreadable_is_bad_data(path):
            if not path.is_dir():
                yield str(path)
                continue
            before = counts.pictures
            for file, is_picture in walk_files(path):
                if is_picture:
                    yield file
                elif not file.startswith(ours):
                    counts.other_count += 1
                    counts.others += [file] * (len(counts.others) < NAMED)
            if counts.pictures == before:
                raise DataError(
                    f"{path}: no pictures in it or in its subfolders; it holds {counts.other_count:,} other files. "
                    "Give a folder with pictures, such as .jpg or .png files."
                )


def read_listing(place: Path, at_once: int) -> Iterator[tuple[str, ...]]:
    """Yield the paths of a list, so many at a time."""
    with place.open(encoding="ascii") as lines:
        while chunk := tuple(json.loads(line) for line in itertools.islice(lines, at_once)):
            yield chunk
