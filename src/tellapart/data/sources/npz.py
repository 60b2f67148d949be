"""NumPy archives: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test` (and `x_val`, `y_val`)."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from tellapart.data.dataset import Dataset
from tellapart.data.sources.arrays import dataset_of_arrays, named_pairs
from tellapart.data.sources.assemble import prefix_errors
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.errors import DataError
from tellapart.untrusted.regular_file import most_unpacked, open_regular

MOST_ARRAYS = 1000

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""By version; a third is for names of fields, which no array of pictures has."""


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    return path is not None and path.suffix == ".npz" and path.is_file()


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    archive = read_npz(path)
    with prefix_errors(path):
        pairs, own_names = named_pairs(archive)
    names, several = request.class_names or own_names, bool(request.choice.multi_label)
    return dataset_of_arrays(path.stem, str(path), pairs, names, several)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read every array in the file, by name. Pickled objects are refused, so nothing in the file can run.

    Raises:
        DataError: damaged, not of plain numbers and text, or claiming more than it can hold.
    """
    try:
        with open_regular(path) as file:
            _check_sizes(file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except Exception as reason:  # a damaged archive raises nearly anything
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise DataError(
            f"{path}: not readable as an .npz of plain arrays ({why}).\n"
            "Save it with numpy.savez_compressed(path, x_train=..., y_train=..., x_test=..., y_test=...)."
        ) from reason


def _check_sizes(file: IO[bytes]) -> None:
    """Hold what the arrays claim to be against what the file holds, before anything is allocated.

    Raises:
        ValueError: it claims more, or holds an object.
    """
    packed = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ARRAYS:
            raise ValueError(f"it has more than {MOST_ARRAYS:,} entries")
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > most_unpacked(packed):
            raise ValueError(f"{packed:,} bytes would unpack to {unpacked:,}")
        for entry in entries:
            with archive.open(entry) as content:
                _check_header(content, entry)


def _check_header(content: IO[bytes], entry: zipfile.ZipInfo) -> None:
    version = np.lib.format.read_magic(content)
    if version not in _HEADERS:
        raise ValueError(f"{entry.filename} has a format of {version}")
    shape, _, kind = _HEADERS[version](content)
    claimed = math.prod(shape) * kind.itemsize
    if kind.hasobject:
        raise ValueError(f"{entry.filename} holds pickled objects")
    if not kind.itemsize or max(shape, default=0) > max(entry.file_size, 1) or min(shape, default=0) < 0:
        raise ValueError(f"{entry.filename} claims the shape {shape} of {kind}")
    if claimed != entry.file_size - content.tell():
        raise ValueError(
            f"{entry.filename} claims {claimed:,} bytes and has {entry.file_size - content.tell():,}"
        )


NPZ = Source(
    title="an .npz file", accepts=_accepts, open=_open, options=("multi_label",), takes_class_names=True
)
