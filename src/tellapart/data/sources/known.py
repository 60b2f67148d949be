"""Known sets on this machine: where to look for them, and how to fetch one that is not here.

The order: the folder in TELLAPART_DATA, then the cache, then where the operating system's packages put it,
then (only if asked) the network.
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
from tellapart.paths import cache_folder


def folders_searched(known: KnownSet) -> list[Path]:
    """Every folder in which a copy of the set counts, in order."""
    named = os.environ.get("TELLAPART_DATA")
    return [
        *([Path(named).expanduser()] if named else []),
        cache_folder(),
        *map(Path, known.system_folders),
    ]


def lacking_data_folder() -> Path | None:
    """What TELLAPART_DATA names, where there is no such folder.

    Raises:
        DataError: nobody may look there.
    """
    named = os.environ.get("TELLAPART_DATA")
    with unreadable_is_bad_data(named):
        return None if not named or Path(named).expanduser().is_dir() else Path(named)


def _refuse_lacking_data_folder() -> None:
    folder = lacking_data_folder()
    if folder is not None:
        raise DataError(
            f"TELLAPART_DATA is {folder}, and this folder does not exist. Correct it, or unset TELLAPART_DATA."
        )


def find_place(known: KnownSet, folder: Path) -> tuple[Path, Layout] | None:
    """The set's official folder or archive in `folder`, with the layout it has."""
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
    """The first copy found, or None. A download that stopped between two files is no copy yet.

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


def get_known(known: KnownSet, *, progress: Progress | None = None) -> Path:
    """Download the set's files into the cache; what is there already is kept.

    Returns:
        The cache folder.

    Raises:
        DataError: TELLAPART_DATA names a folder that does not exist.
        DownloadError: a file could not be fetched.
    """
    _refuse_lacking_data_folder()
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
    """Progress over one file as progress over all of them."""
    if progress is None:
        return None
    report: Callable[[int, int], None] = progress
    return lambda done, _: report(before + done, total)


def open_known(known: KnownSet, *, download: bool, progress: Progress | None) -> tuple[RawSet, str]:
    """Read a known set, and say where it was found.

    Raises:
        DataError: it is not here and `download` is off, or what is here is not the whole set.
        DownloadError: it could not be fetched.
    """
    if not known.files:
        return _embedded_digits(), "embedded in scikit-learn"
    _refuse_lacking_data_folder()
    found = find_on_this_machine(known)
    if found is None and download:
        get_known(known, progress=progress)
        found = find_on_this_machine(known)
    if found is None:
        looked = "\n".join(f"  {folder}" for folder in folders_searched(known))
        raise DataError(
            f"{known.name} is not on this machine. Looked for {', '.join(known.places)} in\n{looked}\n"
            f"Get it with: tellapart data get {known.name} ({known.download_bytes / 1e6:.0f} MB); or set "
            "TELLAPART_DATA to the folder that holds it."
        )
    place, layout = found
    raw = layout.read(place)
    _check_sizes(known, raw, place)
    return raw, str(place)


def _check_sizes(known: KnownSet, raw: RawSet, place: Path) -> None:
    met = {split: len(part.labels) for split, part in raw.splits.items()}
    expected = {"train": known.train_size, "test": known.test_size}
    if met != expected:
        raise DataError(
            f"{place}: {_counts(met)}; {known.title.split(':')[0]} has {_counts(expected)}. "
            "Give the folder's path instead of the name to use it as a set of its own."
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
