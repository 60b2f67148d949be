"""A CSV file that labels the images of a folder, for images that do not lie in class folders.

One line per image, with a header: `file` (or id, path, filename, image) and `label` (or class); a `split`
column (train, validation, test) if the file divides them.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.images import FileImages
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.folder import SPLIT_FOLDERS, folder_name
from tellapart.data.sources.labels import checked_labels
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.errors import DataError

_FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "id")
_LABEL_COLUMNS = ("label", "class", "class_name", "category")
_SPLIT_COLUMN = "split"


@dataclass(frozen=True, slots=True)
class LabeledFile:
    """One line: an image, its label, its split."""

    path: Path
    label: str
    split: str


def _accepts(request: OpenRequest) -> bool:
    return request.labels is not None and request.path is not None and request.path.exists()


def _open(request: OpenRequest) -> Dataset:
    root, labels_path = request.existing_path, Path(request.labels)
    if not root.is_dir():
        raise DataError(f"{root} is no folder; --labels names the pictures of a folder.")
    lines = read_labels_file(labels_path, root)
    by_split = {
        split: rows for split in SPLIT_NAMES if (rows := [line for line in lines if line.split == split])
    }
    labels, names = checked_labels(
        {split: [line.label for line in rows] for split, rows in by_split.items()}, None
    )
    splits = {
        split: Split(
            tuple(os.path.relpath(line.path, root).replace(os.sep, "/") for line in rows),
            labels[split],
            FileImages(tuple(line.path for line in rows)),
        )
        for split, rows in by_split.items()
    }
    return assemble(folder_name(root), names, splits, f"{root}, labeled by {labels_path}")


def read_labels_file(path: Path, root: Path) -> list[LabeledFile]:
    """Read the lines and find each image under `root`; a missing suffix is found by trying each of them.

    Raises:
        DataError: columns are missing, a line is incomplete, or an image is not there or named twice; it
            names the line.
    """
    columns, rows = _read_csv(path)
    file_column = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    label_column = next((columns[name] for name in _LABEL_COLUMNS if name in columns), None)
    if file_column is None or label_column is None:
        raise DataError(
            f"{path}: columns {', '.join(columns) or 'none'}; expected {_FILE_COLUMNS[0]} and "
            f"{_LABEL_COLUMNS[0]} in the first line."
        )
    files: list[LabeledFile] = []
    line_of: dict[str, int] = {}
    for line, row in rows:
        name, label = (row[file_column] or "").strip(), (row[label_column] or "").strip()
        split = (row.get(columns.get(_SPLIT_COLUMN, "")) or "train").strip().lower()
        if not name or not label or split not in SPLIT_FOLDERS:
            raise DataError(
                f"{path}: line {line} says file {name!r}, label {label!r}, split {split!r}. Every line needs "
                "a file and a label, and a split is train, validation or test."
            )
        image = _find_image(root, name, path, line)
        first = line_of.setdefault(os.path.normpath(image), line)
        if first != line:
            raise DataError(
                f"{path}: line {line} names {name}, which line {first} names already. Keep one line per picture."
            )
        files.append(LabeledFile(image, label, SPLIT_FOLDERS[split]))
    if not files:
        raise DataError(f"{path}: no lines after the header. Add one line per picture.")
    return files


def _read_csv(path: Path) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    """Return the columns (lower-case name -> name in the file), and each row with its line number."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
            return columns, [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as reason:
        raise DataError(f"{path}: not a readable CSV file ({reason}).") from reason


def _find_image(root: Path, name: str, labels_path: Path, line: int) -> Path:
    exact = root / name
    if exact.is_file():
        return exact
    with_suffix = (exact.with_name(exact.name + suffix) for suffix in sorted(IMAGE_SUFFIXES))
    image = next((path for path in with_suffix if path.is_file()), None)
    if image is None:
        raise DataError(f"{labels_path}: line {line} names {name}, and there is no {exact}.")
    return image


CSV_LABELS = Source(title="a folder and a CSV file of labels", accepts=_accepts, open=_open)
