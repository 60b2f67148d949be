"""NumPy archives: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test` (and `x_val`, `y_val`)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tellapart.data.dataset import Dataset
from tellapart.data.sources.arrays import dataset_of_arrays, named_pairs
from tellapart.data.sources.assemble import prefix_errors
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.errors import DataError


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    return path is not None and path.suffix == ".npz" and path.is_file()


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    archive = read_npz(path)
    with prefix_errors(path):
        pairs, own_names = named_pairs(archive)
    return dataset_of_arrays(path.stem, str(path), pairs, request.class_names or own_names)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read every array in the file, by name. Pickled objects are refused, so nothing in the file can run.

    Raises:
        DataError: damaged, or not of plain numbers and text.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: not an .npz archive.")
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as reason:
        if isinstance(reason, DataError):
            raise
        raise DataError(
            f"{path}: not readable as an .npz of plain arrays ({reason}).\n"
            "Save it with numpy.savez_compressed(path, x_train=..., y_train=..., x_test=..., y_test=...)."
        ) from reason


NPZ = Source(title="an .npz file", accepts=_accepts, open=_open)
