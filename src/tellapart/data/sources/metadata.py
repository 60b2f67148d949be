"""Hugging Face's ImageFolder: `metadata.csv`, `.jsonl` or `.parquet` beside the images, one for all or one a split.

Source: https://huggingface.co/docs/datasets/image_dataset
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from tellapart.data.dataset import Dataset
from tellapart.data.sources.csv_labels import dataset_of_rows, rows_of_table
from tellapart.data.sources.label_choice import TABLE_OPTIONS, Labels
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.tables.label_sets import MultiLabelRows
from tellapart.data.sources.tables.place import FolderPlace
from tellapart.data.sources.tables.readers import read_table
from tellapart.data.sources.tables.roles import LABEL_NAMES, squashed
from tellapart.data.sources.tables.rows import LabeledRows
from tellapart.data.sources.tables.splits import split_word
from tellapart.data.sources.tables.table import Table
from tellapart.errors import DataError
from tellapart.text import natural_key

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    if path is None or not path.is_dir() or request.choice.file is not None:
        return False
    return any(_says_labels(file, request.choice) for file in _files(path).values())


def _files(root: Path) -> dict[str, Path]:
    """Return the split that each file is for, "" for all -> the file."""
    whole = next((root / name for name in NAMES if (root / name).is_file()), None)
    if whole is not None:
        return {"": whole}
    return {
        split: root / folder / name
        for folder in sorted(folder for folder in os.listdir(root) if split_word(folder) is not None)
        for name in NAMES
        if (split := split_word(folder)) is not None and (root / folder / name).is_file()
    }


def _says_labels(file: Path, choice: Labels) -> bool:
    """Return whether a file has labels: captions and boxes come in files of the same name."""
    if choice.label_column is not None:
        return True
    header = _header(read_table(file))
    words = {squashed(name) for name in header}
    return "filename" in words and bool(words & {*LABEL_NAMES})


def _header(table: Table) -> tuple[str, ...]:
    return table.header or tuple(table.rows[0] if table.rows else ())


def _open(request: OpenRequest) -> Dataset:
    root = request.existing_path
    place = FolderPlace(root)
    rows: list[Any] = []
    names: set[str] = set()
    notices: list[str] = []
    for split, file in _files(root).items():
        labeled = rows_of_table(read_table(file), FolderPlace(file.parent), request.choice)
        inner = "" if file.parent == root else f"{file.parent.name}/"
        rows += [replace(row, key=inner + row.key, split=split or row.split) for row in labeled.rows]
        notices += labeled.notices
        names.update(labeled.class_names if isinstance(labeled, MultiLabelRows) else ())
    if request.choice.multi_label:
        several = MultiLabelRows(rows, tuple(sorted(names, key=natural_key)), tuple(notices))
        return dataset_of_rows(several, place, str(root))
    labeled = LabeledRows(rows, tuple(notices))
    _refuse_other_classes(labeled, root, next(iter(_files(root).values())))
    return dataset_of_rows(labeled, place, str(root))


def _refuse_other_classes(labeled: LabeledRows, root: Path, file: Path) -> None:
    """Raise if the folders divide the images into classes, too, and into others than the file."""
    folder_of = {row.key: PurePosixPath(row.key).parent.name for row in labeled.rows}
    folders = set(folder_of.values())
    pairs = {(row.label, folder_of[row.key]) for row in labeled.rows}
    labels = {row.label for row in labeled.rows}
    if (
        len(folders) < 2
        or any(split_word(name) for name in folders)
        or len(pairs) == len(labels) == len(folders)
    ):
        return
    raise DataError(
        f"{root} can be read in two ways: the folders give the classes {_listed(folders)}, and {file.name} gives "
        f"{_listed(labels)}. To use the file, pass --labels {file}; to use the folders, move the file elsewhere."
    )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")


METADATA = Source(title="a folder with a metadata file", accepts=_accepts, open=_open, options=TABLE_OPTIONS)
