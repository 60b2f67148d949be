"""Parquet files as Hugging Face lays out image sets: a struct of encoded bytes, and a label column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.images import EncodedImages, FileImages, Images
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.formats.parquet_columns import holds_bytes, image_and_label, label_array
from tellapart.data.sources.formats.parquet_pages import ParquetFooter, check_pages, read_footer
from tellapart.data.sources.formats.raw import RawSet, RawSplit
from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.tables.splits import split_word
from tellapart.errors import DataError, MissingExtraError
from tellapart.text import counted
from tellapart.untrusted.regular_file import is_regular, most_unpacked, open_regular

BYTES_OF_A_ROW = 200
"""Fewer do not count: a row takes some in memory, and an encoded picture hardly has fewer."""

NO_CHOICE = Labels()

ROWS_AT_ONCE = 8
"""Few: a file of one large picture and many references to it is copied that often before it is noticed."""


def holds_parquet(folder: Path) -> bool:
    """Return whether a parquet file lies in the folder, or one folder down."""
    return bool(_files(folder))


def read_parquet(place: Path, choice: Labels = NO_CHOICE) -> RawSet:
    """Read one parquet file, or a folder of `train-*.parquet`, `test-*.parquet` (also one folder down).

    Rows without a label, and splits without any (label -1, as Hugging Face has them), are left out.

    Args:
        place: of the file or the folder.
        choice: what somebody said about columns.

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
    notices: list[str] = []
    for split, paths in by_split.items():
        tables = [_read_table(path, choice) for path in paths]
        class_names = class_names or tables[0].class_names
        images = [image for table in tables for image in table.images]
        labels = np.concatenate([table.labels for table in tables])
        kept = np.array([label is not None and label != -1 for label in labels], bool)
        if not kept.all():
            notices.append(f"Left out {counted(int((~kept).sum()), 'row')} of {split} without a label")
        if kept.any():
            rows = np.flatnonzero(kept)
            splits[split] = RawSplit(_images([images[row] for row in rows]), _plain(labels[kept]))
    return RawSet(splits, class_names, tuple(notices))


def _images(images: list[bytes | Path]) -> Images:
    """Return encoded images, or files of images."""
    blobs = tuple(image for image in images if isinstance(image, bytes))
    if len(blobs) == len(images):
        return EncodedImages(blobs)
    paths = tuple(image for image in images if isinstance(image, Path))
    if len(paths) == len(images):
        return FileImages(paths)
    return BlobImages(tuple(images), lambda image: image, tuple(f"row {row}" for row in range(len(images))))


def _plain(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.int64 if isinstance(labels[0], int) else str)


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in (*folder.glob("*.parquet"), *folder.glob("*/*.parquet")) if is_regular(path)
    )


def _split_of(path: Path) -> str:
    first_word = path.name.split("-")[0].split(".")[0]
    by_name = split_word(first_word) if first_word else None
    return by_name or split_word(path.parent.name) or "train"


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What is in one file."""

    images: list[bytes | Path]
    labels: np.ndarray
    """(N,) objects: whole numbers or text, or None."""

    class_names: tuple[str, ...] | None


def _read_table(path: Path, choice: Labels) -> _Rows:
    """Read images, labels, and the class names that Hugging Face keeps in the schema."""
    with opened_parquet(path) as (file, footer):
        schema = file.schema_arrow
        image, label = image_and_label(path, schema, choice)
        images, labels = _read_rows(path, file, footer, (image, label))
        return _Rows(images, label_array(labels, path, label), class_names_in(label, schema.metadata or {}))


@contextmanager
def opened_parquet(path: Path) -> Iterator[tuple[Any, ParquetFooter]]:
    """Open a parquet file whose pages claim no more than they can hold.

    Raises:
        DataError: it is damaged, also while it is read within the block.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"Reading {path.name}") from None
    try:
        with open_regular(path) as raw, pyarrow.parquet.ParquetFile(raw) as file:
            footer = read_footer(raw)
            check_pages(raw, footer)
            yield file, footer
    except DataError:
        raise
    except Exception as reason:  # a damaged file raises nearly anything
        why = "a field is missing" if isinstance(reason, KeyError) else reason
        raise DataError(f"{path}: truncated or damaged ({why}). Download it again.") from reason


def _read_rows(
    path: Path, file: Any, footer: ParquetFooter, columns: tuple[str, str]
) -> tuple[list[bytes | Path], list[Any]]:
    """Read some rows at a time: a picture that many rows refer to would otherwise be copied for all at once."""
    most = most_unpacked(path.stat().st_size)
    claimed = max(footer.unpacked_bytes, BYTES_OF_A_ROW * footer.rows)
    image, label = columns
    images: list[bytes | Path] = []
    labels: list[Any] = []
    held = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns)) if claimed <= most else ():
        labels += batch.column(label).to_pylist()
        cells = batch.column(image).to_pylist()
        images += [_image(cell, path, len(images) + row) for row, cell in enumerate(cells)]
        held += sum(_bytes_of(image) for image in images[-len(cells) :])
        claimed = max(claimed, held)
        if held > most:
            break
    if claimed > most:
        raise DataError(f"{path}: would unpack to more than {most:,} bytes, as no file of pictures does.")
    return images, labels


def _bytes_of(image: bytes | Path) -> int:
    return max(len(image), BYTES_OF_A_ROW) if isinstance(image, bytes) else BYTES_OF_A_ROW


def _image(cell: Any, path: Path, row: int) -> bytes | Path:
    """Return an encoded image, or the file of one, which lies beside the parquet file."""
    content, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, cell)
    if isinstance(content, bytes) and (content or not name):
        return content
    if isinstance(name, str) and name:
        return path.parent / name.replace("\\", "/")
    raise DataError(f"{path}: row {row} holds no encoded picture (a struct with bytes is expected).")


def class_names_in(label: str, metadata: dict[bytes, bytes]) -> tuple[str, ...] | None:
    """Return the class names that Hugging Face keeps in the schema, if they are there."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(str, names))


def has_images(path: Path) -> bool:
    """Return whether a parquet file holds encoded images.

    Raises:
        DataError: it is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    with opened_parquet(path) as (file, _):
        return any(holds_bytes(file.schema_arrow.field(name).type) for name in file.schema_arrow.names)
