"""Known sets on this machine: where to look for them, and how to download one that is not here.

The order: the folder in TELLAPART_DATA, then the cache, then the folders of the operating system's packages,
then (only on request) the network.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tellapart.data.images import ArrayImages
from tellapart.data.sources.catalog import KnownSet
from tellapart.data.sources.download import download
from tellapart.data.sources.formats import Layout, RawSet, RawSplit, find_layout
from tellapart.errors import DataError
from tellapart.events import Progress
from tellapart.files import unreadable_is_bad_data
from tellapart.paths import cache_folder, with_home


def folders_searched(known: KnownSet) -> list[Path]:
    """Return the folders in which a set is looked for, in order."""
    data_folder = os.environ.get("TELLAPART_DATA")
    return [
        *([with_home(data_folder)] if data_folder else []),
        cache_folder(),
        *map(Path, known.system_folders),
    ]


def missing_data_folder() -> Path | None:
    """Return the folder that TELLAPART_DATA names, where it does not exist; else None.

    Raises:
        DataError: the folders above it cannot be read.
    """
    folder = os.environ.get("TELLAPART_DATA")
    with unreadable_is_bad_data(folder):
        return None if not folder or with_home(folder).is_dir() else Path(folder)


def _check_data_folder() -> None:
    folder = missing_data_folder()
    if folder is not None:
        raise DataError(
            f"TELLAPART_DATA is {folder}, and this folder does not exist. Correct it, or unset TELLAPART_DATA."
        )


def find_place(known: KnownSet, folder: Path) -> tuple[Path, Layout] | None:
    """Return the set's official folder or archive in `folder` and its layout; None: it is not there."""
    candidates = [base / place for base in (folder, folder / known.name) for place in known.places]
    candidates.append(folder / known.name)
    for candidate in candidates:
        layout = find_layout(candidate)
        if layout is not None and known.name in layout.known:
            return candidate, layout
    # The folder itself counts only where its files say which set it is: MNIST's and Fashion-MNIST's do not.
    layout = find_layout(folder)
    is_own = str(folder) in known.system_folders
    if layout is not None and (layout.known == (known.name,) or (is_own and known.name in layout.known)):
        return folder, layout
    return None


def find_on_this_machine(known: KnownSet) -> tuple[Path, Layout] | None:
    """Return the first copy and its layout, or None. A download that stopped between two files does not count.

    Raises:
        DataError: a folder that is searched cannot be read.
    """
    for folder in folders_searched(known):
        with unreadable_is_bad_data(folder):
            place = None if _is_half_downloaded(known, folder) else find_place(known, folder)
        if place is not None:
            return place
    return None


def _is_half_downloaded(known: KnownSet, folder: Path) -> bool:
    here = [(folder / file.place).is_file() for file in known.files]
    return folder == cache_folder() and any(here) and not all(here)


def download_known(known: KnownSet, *, progress: Progress | None = None) -> Path:
    """Download a set's files into the cache; complete ones are kept.

    Returns:
        The cache folder.

    Raises:
        DataError: TELLAPART_DATA names a folder that does not exist.
        DownloadError: a file could not be fetched.
    """
    _check_data_folder()
    folder = cache_folder()
    done = 0
    for file in known.files:
        download(
            file.urls,
            sha256=file.sha256,
            size=file.size,
            destination=folder / file.place,
            progress=_within(progress, done, known.download_bytes),
        )
        done += file.size
    return folder


def _within(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Turn progress over one file into progress over all of them."""
    if progress is None:
        return None
    report: Callable[[int, int], None] = progress
    return lambda done, _: report(before + done, total)


def open_known(known: KnownSet, *, download: bool, progress: Progress | None) -> tuple[RawSet, str]:
    """Read a known set.

    Returns:
        Its content, and the place it was read from, for people.

    Raises:
        DataError: it is not here and `download` is off, or the copy here is incomplete.
        DownloadError: it could not be fetched.
    """
    if not known.files:
        return _embedded_digits(), "included with scikit-learn"
    _check_data_folder()
    copy = find_on_this_machine(known)
    if copy is None and download:
        download_known(known, progress=progress)
        copy = find_on_this_machine(known)
    if copy is None:
        folders = "\n".join(f"  {folder}" for folder in folders_searched(known))
        raise DataError(
            f"{known.name} is not on this machine. Looked for {', '.join(known.places)} in\n{folders}\n"
            f"Download it with: tellapart data get {known.name} ({known.download_bytes / 1e6:.0f} MB); or set "
            "TELLAPART_DATA to the folder that holds it."
        )
    place, layout = copy
    raw = layout.read(place)
    _check_sizes(known, raw, place)
    return raw, str(place)


def _check_sizes(known: KnownSet, raw: RawSet, place: Path) -> None:
    counts = {split: len(part.labels) for split, part in raw.splits.items()}
    expected = {"train": known.train_size, "test": known.test_size}
    if counts != expected:
        raise DataError(
            f"{place}: {_counts(counts)}; {known.title.split(':')[0]} has {_counts(expected)}. "
            "To use it all the same, give its path instead of the name."
        )
    for split, part in raw.splits.items():
        if part.labels.min() < 0 or part.labels.max() >= len(known.class_names):
            raise DataError(
                f"{place}: labels {part.labels.min()} to {part.labels.max()} in {split}; "
                f"{known.name} has 0 to {len(known.class_names) - 1}."
            )


def _counts(sizes: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {split} pictures" for split, count in sizes.items())


def _embedded_digits() -> RawSet:
    from sklearn.datasets import load_digits

    digits = load_digits()
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8), from 0..16
    return RawSet({"train": RawSplit(ArrayImages(levels[..., None]), digits.target.astype(np.int64))})
