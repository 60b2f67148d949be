"""Parquet files as Hugging Face lays out image sets: a struct of encoded bytes, and a label column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.images import EncodedImages
from tellapart.data.sources.formats.parquet_pages import ParquetFooter, check_pages, read_footer
from tellapart.data.sources.formats.raw import RawSet, RawSplit
from tellapart.errors import DataError, MissingExtraError
from tellapart.untrusted.regular_file import is_regular, most_unpacked, open_regular

BYTES_OF_A_ROW = 200
"""Fewer do not count: a row takes some in memory, and an encoded picture hardly has fewer."""

ROWS_AT_ONCE = 8
"""Few: a file of one large picture and many references to it is copied that often before it is noticed."""

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
    return sorted(
        path for path in (*folder.glob("*.parquet"), *folder.glob("*/*.parquet")) if is_regular(path)
    )


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
        with open_regular(path) as raw, pyarrow.parquet.ParquetFile(raw) as file:
            image, label = _columns(path, file.schema_arrow.names)
            footer = read_footer(raw)
            check_pages(raw, footer)
            blobs, labels = _read_rows(path, file, footer, (image, label))
            return blobs, labels, label, file.schema_arrow.metadata or {}
    except DataError:
        raise
    except Exception as reason:  # a damaged file raises nearly anything
        why = "a field is missing" if isinstance(reason, KeyError) else reason
        raise DataError(f"{path}: truncated or damaged ({why}). Download it again.") from reason


def _columns(path: Path, names: list[str]) -> tuple[str, str]:
    """Return the names of the columns of images and labels."""
    image = next((name for name in _IMAGE_COLUMNS if name in names), None)
    label = next((name for name in _LABEL_COLUMNS if name in names), None)
    if image is None or label is None:
        raise DataError(
            f"{path}: columns {', '.join(names)}; expected {' or '.join(_IMAGE_COLUMNS)} and "
            f"{' or '.join(_LABEL_COLUMNS)}."
        )
    return image, label


def _read_rows(
    path: Path, file: Any, footer: ParquetFooter, columns: tuple[str, str]
) -> tuple[list[bytes], np.ndarray]:
    """Read some rows at a time: a picture that many rows refer to would otherwise be copied for all at once."""
    most = most_unpacked(path.stat().st_size)
    claimed = max(footer.unpacked_bytes, BYTES_OF_A_ROW * footer.rows)
    image, label = columns
    blobs: list[bytes] = []
    labels = [np.empty(0, np.int64)]
    held = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns)) if claimed <= most else ():
        part = batch.column(label).to_numpy(zero_copy_only=False)
        if part.dtype.kind not in "iu":
            raise DataError(f"{path}: column {label} holds {part.dtype}; whole numbers are accepted.")
        cells = batch.column(image).to_pylist()
        blobs += [_blob(cell, path, len(blobs) + row) for row, cell in enumerate(cells)]
        labels.append(part.astype(np.int64))
        held += sum(max(len(blob), BYTES_OF_A_ROW) for blob in blobs[-len(cells) :])
        claimed = max(claimed, held)
        if held > most:
            break
    if claimed > most:
        raise DataError(f"{path}: would unpack to more than {most:,} bytes, as no file of pictures does.")
    return blobs, np.concatenate(labels)


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
