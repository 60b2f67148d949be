"""Parquet files as Hugging Face lays out image sets: a struct of encoded bytes, and a label column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.images import EncodedImages
from tellapart.data.sources.formats.raw import RawSet, RawSplit
from tellapart.errors import DataError, MissingExtraError

_IMAGE_COLUMNS = ("img", "image")
_LABEL_COLUMNS = ("fine_label", "label", "labels")
_SPLITS = {
    "train": "train",
    "test": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}


def holds_parquet(folder: Path) -> bool:
    """Return whether a parquet file lies in the folder, or one folder down."""
    return bool(_files(folder))


def read_parquet(place: Path) -> RawSet:
    """Read one parquet file, or a folder of `train-*.parquet`, `test-*.parquet` (also one folder down).

    Raises:
        DataError: a column is missing or a file is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    by_split: dict[str, list[Path]] = {}
    for path in _files(place) if place.is_dir() else [place]:
        by_split.setdefault(_split_of(path), []).append(path)
    if not by_split:
        raise DataError(f"{place}: no parquet file found.")
    class_names = None
    splits = {}
    for split, paths in by_split.items():
        tables = [_read_table(path) for path in paths]
        class_names = class_names or _class_names(tables[0][2], tables[0][3])
        splits[split] = RawSplit(
            EncodedImages(tuple(blob for blobs, *_ in tables for blob in blobs)),
            np.concatenate([labels for _, labels, *_ in tables]),
        )
    return RawSet(splits, class_names)


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.parquet"), *folder.glob("*/*.parquet")])


def _split_of(path: Path) -> str:
    first_word = path.name.split("-")[0].split(".")[0]
    return _SPLITS.get(first_word, "train")


def _read_table(path: Path) -> tuple[list[bytes], np.ndarray, str, dict[bytes, bytes]]:
    """Read encoded images, labels, the label column's name, and the schema's metadata."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"Reading {path.name}") from None
    try:
        columns = pyarrow.parquet.read_schema(path).names
        image = next((name for name in _IMAGE_COLUMNS if name in columns), None)
        label = next((name for name in _LABEL_COLUMNS if name in columns), None)
        if image is None or label is None:
            raise DataError(
                f"{path}: columns {', '.join(columns)}; expected {' or '.join(_IMAGE_COLUMNS)} and "
                f"{' or '.join(_LABEL_COLUMNS)}."
            )
        table = pyarrow.parquet.read_table(path, columns=[image, label])
        blobs = [_blob(cell, path, row) for row, cell in enumerate(table[image].to_pylist())]
        labels = table[label].to_numpy()
    except (pyarrow.ArrowException, OSError) as reason:
        raise DataError(f"{path}: truncated or damaged ({reason}). Download it again.") from reason
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: column {label} holds {labels.dtype}; whole numbers are accepted.")
    return blobs, labels.astype(np.int64), label, table.schema.metadata or {}


def _blob(cell: Any, path: Path, row: int) -> bytes:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise DataError(f"{path}: row {row} holds no encoded picture (a struct with bytes is expected).")
    return content


def _class_names(label: str, metadata: dict[bytes, bytes]) -> tuple[str, ...] | None:
    """Return the class names that Hugging Face keeps in the schema, if they are there."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(str, names))
