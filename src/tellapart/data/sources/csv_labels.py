"""A CSV file that labels the images of a folder, for images that do not lie in class folders.

One line per image, with a header: `file` (or id, path, filename, image) and `label` (or class); a `split`
column (train, validation, test) if the file divides them.
"""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.csv_file import csv_rows
from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.images import FileImages
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.folder import folder_name
from tellapart.data.sources.labels import checked_labels
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.split_words import split_of
from tellapart.data.split import SPLIT_COLUMNS
from tellapart.errors import DataError
from tellapart.untrusted.regular_file import is_regular

_FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "id")
_LABEL_COLUMNS = ("label", "class", "class_name", "category")
_SPLIT_COLUMN = "split"

LONGEST_LABEL = 1000
"""Characters: all labels together are one array, of which each row is as long as the longest."""


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
    files: list[LabeledFile] = []
    line_of: dict[str, int] = {}
    for line, (name, label, word) in _lines(path):
        split = split_of(word)
        if not name or not label or len(label) > LONGEST_LABEL or split is None:
            raise DataError(
                f"{path}: line {line} says file {name!r}, label {label[:LONGEST_LABEL]!r}, split {word!r}. Every line "
                f"needs a file and a label of at most {LONGEST_LABEL:,} characters, and a split is train, validation "
                "or test."
            )
        image = _find_image(root, name, path, line)
        first = line_of.setdefault(os.path.normpath(image), line)
        if first != line:
            raise DataError(
                f"{path}: line {line} names {name}, which line {first} names already. Keep one line per picture."
            )
        files.append(LabeledFile(image, label, split))
    if not files:
        raise DataError(f"{path}: no lines after the header. Add one line per picture.")
    return files


def _lines(path: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield each line's number, and its file, label and split."""
    try:
        rows = csv_rows(path)
        _, header = next(rows, (0, []))
        places = _places(path, header)
        is_ours = tuple(header) == SPLIT_COLUMNS  # names are as they are, with spaces at their ends
        for line, row in rows:
            if row:
                cells = [row[place] if place is not None and place < len(row) else "" for place in places]
                file, label, split = cells if is_ours else map(str.strip, cells)
                yield line, (file, unicodedata.normalize("NFC", label), split.lower() or "train")
    except (OSError, csv.Error) as reason:
        why = getattr(reason, "strerror", None) or reason
        is_stream = path.exists() and not path.is_dir() and not is_regular(path)
        advice = " Save the labels to a file first: --resume reads it again." if is_stream else ""
        raise DataError(f"{path}: not a readable CSV file ({why}).{advice}") from reason


def _places(path: Path, header: list[str]) -> tuple[int, int, int | None]:
    """Return where in a row the file, the label and the split stand; None: nowhere."""
    columns = {name.strip().lower(): place for place, name in enumerate(header)}
    file = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    label = next((columns[name] for name in _LABEL_COLUMNS if name in columns), None)
    if file is None or label is None:
        raise DataError(
            f"{path}: columns {', '.join(columns)[:200] or 'none'}; expected {_FILE_COLUMNS[0]} and "
            f"{_LABEL_COLUMNS[0]} in the first line."
        )
    return file, label, columns.get(_SPLIT_COLUMN)


def _find_image(root: Path, name: str, labels_path: Path, line: int) -> Path:
    exact = root / name
    if is_regular(exact):
        return exact
    with_suffix = (Path(f"{exact}{suffix}") for suffix in sorted(IMAGE_SUFFIXES))
    image = next((path for path in with_suffix if is_regular(path)), None)
    if image is None:
        raise DataError(f"{labels_path}: line {line} names {name}, and there is no {exact}.")
    return image


CSV_LABELS = Source(title="a folder and a CSV file of labels", accepts=_accepts, open=_open)
