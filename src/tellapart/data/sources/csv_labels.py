"""A file of labels and the images it speaks of: one row an image, in whatever form people have it.

Either `labels` is the file and `data` the folder of its images, or `data` is the file itself, and its folder holds
the images. `tables/` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.multi_label import targets_of
from tellapart.data.sources.archive_place import ArchivePlace, is_archive_name
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.formats.parquet import has_images
from tellapart.data.sources.label_choice import SPLIT_BY_NONE, TABLE_OPTIONS, Labels
from tellapart.data.sources.labels import checked_labels
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.split_words import splits_among
from tellapart.data.sources.tables.label_sets import MultiLabelRows, multi_label_rows
from tellapart.data.sources.tables.place import FolderPlace, Place
from tellapart.data.sources.tables.readers import is_table_name, read_table
from tellapart.data.sources.tables.rows import LabeledRows, labeled_rows
from tellapart.data.sources.tables.table import Table
from tellapart.errors import DataError
from tellapart.paths import real_path, with_home
from tellapart.text import natural_key


def _has_labels(request: OpenRequest) -> bool:
    return request.choice.is_file and request.path is not None and request.path.exists()


def _open_with_labels(request: OpenRequest) -> Dataset:
    root, labels_path = request.existing_path, with_home(request.choice.file)
    if labels_path.is_dir():
        return _dataset_of_tables(labels_path, FolderPlace(root, labels_path), request.choice)
    if root.is_file() and is_archive_name(root.name):
        place = ArchivePlace(root)
        inside = _name_inside(labels_path, root)
        content = None if inside is None else place.content(inside)
        return dataset_of_table(labels_path, place, request.choice, content)
    if not root.is_dir():
        raise DataError(f"{root} is no folder; --labels names the pictures of a folder or an archive.")
    return dataset_of_table(labels_path, FolderPlace(root, labels_path.parent), request.choice)


def _is_table(request: OpenRequest) -> bool:
    path = request.path
    if path is None or not is_table_name(path.name) or not path.is_file():
        return False
    return path.suffix.lower() != ".parquet" or not has_images(path)


def _open_table(request: OpenRequest) -> Dataset:
    path = request.existing_path
    return dataset_of_table(path, FolderPlace(path.parent), request.choice)


def _name_inside(path: Path, archive: Path) -> str | None:
    """Return a file's name inside an archive, as in `photos.zip/labels.csv`; None where it lies elsewhere."""
    try:
        return real_path(path).relative_to(real_path(archive)).as_posix()
    except ValueError:
        return None


def dataset_of_table(path: Path, place: Place, choice: Labels, content: bytes | None = None) -> Dataset:
    """Read a file of labels and find its images.

    Args:
        path: of the file.
        place: of the images.
        choice: what somebody said about columns.
        content: of the file, where it does not lie on the disk.

    Raises:
        DataError: it cannot be read, or does not fit the images.
    """
    table, where = read_table(path, content), f"{place.where}, labeled by {path}"
    return dataset_of_rows(rows_of_table(table, place, choice), place, where)


def rows_of_table(table: Table, place: Place, choice: Labels) -> LabeledRows | MultiLabelRows:
    """Read which image has which label, or which labels.

    Args:
        table: as its file has it.
        place: of the images.
        choice: what somebody said about columns.

    Raises:
        DataError: as `labeled_rows` and `multi_label_rows`.
    """
    read = multi_label_rows if choice.multi_label else labeled_rows
    return read(table, place, choice)


def _dataset_of_tables(folder: Path, place: Place, choice: Labels) -> Dataset:
    """Read files of labels that are called after splits, such as `train.csv` and `test.csv`."""
    files = [path for path in sorted(folder.iterdir()) if is_table_name(path.name) and path.is_file()]
    split_of_file = splits_among(path.stem for path in files)
    rows: list[Any] = []
    notices: list[str] = []
    names: set[str] = set()
    for path in files:
        if (split := split_of_file.get(path.stem)) is not None:
            labeled = rows_of_table(read_table(path), place, replace(choice, split_column=SPLIT_BY_NONE))
            rows += [replace(row, split=split) for row in labeled.rows]
            notices += labeled.notices
            names.update(labeled.class_names if isinstance(labeled, MultiLabelRows) else ())
    if not rows:
        raise DataError(
            f"{folder}: no files of labels called after splits, such as train.csv and test.csv. Give one file."
        )
    where, said = f"{place.where}, labeled by {folder}", tuple(notices)
    if choice.multi_label:
        return dataset_of_rows(
            MultiLabelRows(rows, tuple(sorted(names, key=natural_key)), said), place, where
        )
    return dataset_of_rows(LabeledRows(rows, said), place, where)


def dataset_of_rows(labeled: LabeledRows | MultiLabelRows, place: Place, where: str) -> Dataset:
    """Build a Dataset of labeled rows.

    Args:
        labeled: the rows.
        place: that holds their images.
        where: both lie, for people.
    """
    keys = {split: tuple(row.key for row in labeled.rows if row.split == split) for split in SPLIT_NAMES}
    keys = {split: of_split for split, of_split in keys.items() if of_split}
    labels, names = _labels_by_split(labeled, list(keys))
    splits = {split: Split(each, labels[split], place.images(each)) for split, each in keys.items()}
    return assemble(place.name, names, splits, where, notices=labeled.notices)


def _labels_by_split(
    labeled: LabeledRows | MultiLabelRows, splits: Sequence[str]
) -> tuple[Mapping[str, NDArray[Any]], tuple[str, ...]]:
    """Return the labels of each split, class numbers or targets of several labels, and the classes' names."""
    if isinstance(labeled, MultiLabelRows):
        names = labeled.class_names
        sets = {split: [row.labels for row in labeled.rows if row.split == split] for split in splits}
        return {split: targets_of(rows, names) for split, rows in sets.items()}, names
    return checked_labels(
        {split: [row.label for row in labeled.rows if row.split == split] for split in splits}, None
    )


CSV_LABELS = Source(
    title="a folder and a file of labels",
    accepts=_has_labels,
    open=_open_with_labels,
    options=("file", *TABLE_OPTIONS),
)
LABEL_FILE = Source(
    title="a file of labels beside its images", accepts=_is_table, open=_open_table, options=TABLE_OPTIONS
)
