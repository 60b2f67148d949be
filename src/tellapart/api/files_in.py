"""The picture files that paths mean: files themselves, and every picture in a folder."""

from collections.abc import Sequence
from pathlib import Path

from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.sources.walk import walk
from tellapart.errors import DataError
from tellapart.files import unreadable_is_bad_data
from tellapart.text import natural_key


def files_in(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return each file itself; for a folder every picture in it, however deep, in the order a person expects.

    Returns:
        The pictures; and the folders' other files, those without a picture's ending. Hidden files are in neither.

    Raises:
        DataError: a folder without pictures, or one that cannot be read.
    """
    files: list[Path] = []
    others: list[Path] = []
    for path in paths:
        with unreadable_is_bad_data(path):
            pictures, left_out = _inside(path) if path.is_dir() else ([path], [])
        files += pictures
        others += left_out
    return files, others


def _inside(path: Path) -> tuple[list[Path], list[Path]]:
    folder = walk(path)
    pictures, others = (
        [Path(place) for place in places] for places in (folder.every_image(), folder.every_other())
    )
    if not pictures:
        raise DataError(
            f"{path}: no pictures in it or in its subfolders (looked for "
            f"{', '.join(sorted(IMAGE_SUFFIXES)[:6])} and others; it holds {len(others):,} other files)."
        )
    return _sorted(pictures), _sorted(others)


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))
