"""The images of a run again: its data as it is now, divided as recorded, whatever came to it since.

Pictures that were added are left out. Where new folders would change how the whole is read, the recorded files are
opened by their paths: each holds its class.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.images import FileImages
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.label_choice import as_labels
from tellapart.data.sources.split_words import split_of
from tellapart.data.split import apply_split
from tellapart.errors import DataError
from tellapart.paths import real_path
from tellapart.text import natural_key


def open_recorded(
    opened: Callable[[Any, Any], Dataset],
    data: Any,
    labels: Any,
    recorded: Mapping[str, tuple[str, str]],
    only: str | None = None,
) -> Dataset:
    """Open data and divide it as recorded.

    Args:
        opened: (data, labels) -> images, without what only a training needs.
        data: as for `open_dataset`.
        labels: as for `open_dataset`.
        recorded: id -> (class name, split).
        only: the split that is wanted; recorded images of the others may be gone. None: all are wanted.

    Raises:
        DataError: the data cannot be opened, or recorded images are gone or have another class.
    """
    try:
        return apply_split(opened(data, labels), recorded, only)
    except DataError:
        again = _by_paths(data, labels, recorded)
        if again is None:
            raise
        return again


def _by_paths(data: Any, labels: Any, recorded: Mapping[str, tuple[str, str]]) -> Dataset | None:
    """Return the recorded files of a folder of class folders; None: it is none, or one of them is gone."""
    choice = as_labels(labels)
    if not isinstance(data, str | os.PathLike) or choice.file is not None or choice.pattern or choice.names:
        return None
    root = real_path(data)
    for identifier, (class_name, _) in recorded.items():
        above = PurePosixPath(unicodedata.normalize("NFC", identifier)).parts[:-1]
        if class_name not in above or not (root / identifier).is_file():
            return None
    class_names = sorted({class_name for class_name, _ in recorded.values()}, key=natural_key)
    number_of = {name: number for number, name in enumerate(class_names)}
    splits = {}
    for name in SPLIT_NAMES:
        rows = {identifier: label for identifier, (label, split) in recorded.items() if split == name}
        if rows:
            numbers = np.array([number_of[label] for label in rows.values()], np.int64)
            splits[name] = Split(tuple(rows), numbers, FileImages(tuple(root / Path(row) for row in rows)))
    notice = "New folders change how this data is read; the recorded pictures are all there, and the others left out"
    dataset = assemble(folder_name(root), class_names, splits, str(root), notices=(notice,))
    return dataset.replace(
        carved=tuple(name for name, split in splits.items() if not _is_folder_of(name, split))
    )


def _is_folder_of(name: str, split: Split) -> bool:
    """Return whether images lie in a folder that is called as their split; they were held out otherwise."""
    return any(split_of(part) == name for part in PurePosixPath(split.ids[0]).parts[:-1])
