"""A CSV file that says which picture is what, for pictures that do not lie in class folders.

One line per picture, with a header: `file` (or id, path, filename, image) and `label` (or class); a `split`
column (train, validation, test) if the file divides them.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.sources.folder import SPLIT_FOLDERS
from tellapart.errors import DataError

_FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "id")
_LABEL_COLUMNS = ("label", "class", "class_name", "category")


@dataclass(frozen=True, slots=True)
class LabeledFile:
    """One line: a picture, its label, its split."""

    path: Path
    label: str
    split: str


def read_labels_file(path: Path, root: Path) -> list[LabeledFile]:
    """Read the lines and find each picture under `root`; a missing suffix is found out by looking.

    Raises:
        DataError: columns are missing, a line is incomplete, or a picture is not there or named twice; it
            names the line.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as reason:
        raise DataError(f"{path}: not a readable CSV file ({reason}).") from reason
    file_column = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    label_column = next((columns[name] for name in _LABEL_COLUMNS if name in columns), None)
    if file_column is None or label_column is None:
        raise DataError(
            f"{path}: columns {', '.join(columns) or 'none'}; expected {_FILE_COLUMNS[0]} and "
            f"{_LABEL_COLUMNS[0]} in the first line."
        )
    found: list[LabeledFile] = []
    named_in: dict[str, int] = {}
    for line, row in rows:
        name, label = (row[file_column] or "").strip(), (row[label_column] or "").strip()
        split = (row.get(columns.get("split", "")) or "train").strip().lower()
        if not name or not label or split not in SPLIT_FOLDERS:
            raise DataError(
                f"{path}: line {line} says file {name!r}, label {label!r}, split {split!r}; both must be "
                "there, and a split is train, validation or test."
            )
        picture = _picture(root, name, path, line)
        first = named_in.setdefault(os.path.normpath(picture), line)
        if first != line:
            raise DataError(
                f"{path}: line {line} names {name}, which line {first} names already. Keep one line a picture."
            )
        found.append(LabeledFile(picture, label, SPLIT_FOLDERS[split]))
    if not found:
        raise DataError(f"{path}: no lines after the header.")
    return found


def _picture(root: Path, name: str, labels_path: Path, line: int) -> Path:
    exact = root / name
    if exact.is_file():
        return exact
    with_suffix = (exact.with_name(exact.name + suffix) for suffix in sorted(IMAGE_SUFFIXES))
    picture = next((path for path in with_suffix if path.is_file()), None)
    if picture is None:
        raise DataError(f"{labels_path}: line {line} names {name}, and there is no {exact}.")
    return picture
