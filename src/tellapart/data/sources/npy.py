"""NumPy's single arrays: a folder of `x_train.npy` and `y_train.npy`, or `x.npy` with `y.npy` as its labels.

Arrays are mapped, not read: one larger than the memory opens at once.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.dataset import Dataset
from tellapart.data.sources.arrays import dataset_of_arrays
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.split_words import SPLIT_OF_WORD
from tellapart.errors import DataError
from tellapart.paths import with_home
from tellapart.untrusted.regular_file import open_regular

_WORDS = "|".join(sorted(SPLIT_OF_WORD, key=len, reverse=True))
_NAME = re.compile(
    rf"(?:(?P<before>{_WORDS})[_-])?(?P<role>x|images?|imgs?|data|y|labels?|targets?)(?:[_-](?P<after>{_WORDS}))?"
)
_IMAGES = ("x", "image", "images", "img", "imgs", "data")


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    if path is None:
        return False
    return path.is_dir() and "train" in _pairs(path) if not _is_npy(path) else path.is_file()


def _is_npy(path: Path) -> bool:
    return path.suffix.lower() == ".npy"


def _pairs(folder: Path) -> dict[str, dict[bool, Path]]:
    """Return split -> whether they are the images -> file, of splits that have images and labels."""
    pairs: dict[str, dict[bool, Path]] = {}
    for path in sorted(folder.glob("*.npy")):
        match = _NAME.fullmatch(path.stem.lower())
        if match is not None:
            split = SPLIT_OF_WORD[match["before"] or match["after"] or "train"]
            pairs.setdefault(split, {})[match["role"] in _IMAGES] = path
    return {split: files for split, files in pairs.items() if len(files) == 2}


def _open(request: OpenRequest) -> Dataset:
    path, file = request.existing_path, request.choice.file
    if path.is_dir():
        arrays = {
            split: (_mapped(files[True]), _mapped(files[False])) for split, files in _pairs(path).items()
        }
        return dataset_of_arrays(folder_name(path), str(path), arrays, request.class_names)
    if file is None or (request.choice.is_file and not _is_npy(with_home(file))):
        raise DataError(
            f"{path}: an array of pictures without labels. Give theirs with --labels y.npy, or a folder of x_train.npy "
            "and y_train.npy (x_test.npy and y_test.npy, too, if you have them)."
        )
    labels = _mapped(with_home(file)) if request.choice.is_file else file
    return dataset_of_arrays(path.stem, str(path), {"train": (_mapped(path), labels)}, request.class_names)


def _mapped(path: Path) -> Any:
    """Return an array in a file, mapped. Pickled objects are refused, so nothing in the file can run.

    Raises:
        DataError: it is no array of plain numbers or text, or claims more than the file holds.
    """
    try:
        open_regular(path).close()
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as reason:  # a damaged file raises nearly anything
        why = getattr(reason, "strerror", None) or reason
        raise DataError(
            f"{path}: not readable as an array of NumPy ({why}). Save it with numpy.save(path, array)."
        ) from reason


NPY = Source(
    title="files of single arrays", accepts=_accepts, open=_open, options=("file",), takes_class_names=True
)
