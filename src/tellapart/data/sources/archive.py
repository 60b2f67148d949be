"""A zip or tar file of class folders, read in place: nothing is unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from tellapart.data.dataset import Dataset
from tellapart.data.sources.archive_place import ArchivePlace, is_archive_name, is_foreign_archive
from tellapart.data.sources.csv_labels import dataset_of_rows
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.tables.rows import LabeledRows
from tellapart.data.sources.tables.splits import split_word
from tellapart.data.sources.tables.table import LabeledRow
from tellapart.errors import DataError


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    return (
        path is not None and path.is_file() and (is_archive_name(path.name) or is_foreign_archive(path.name))
    )


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    if is_foreign_archive(path.name):
        raise DataError(
            f"{path}: such archives are not read. Unpack it and give the folder, or pack it as .zip or .tar."
        )
    place = ArchivePlace(path)
    rows = rows_of_class_folders(place.listed(), str(path))
    return dataset_of_rows(LabeledRows(rows, ()), place, str(path))


def rows_of_class_folders(names: Sequence[str], where: str) -> list[LabeledRow]:
    """Read splits and classes from the folders in which images lie: split/class/image, or class/image.

    Args:
        names: of images, with slashes. Folders that all of them share are passed over.
        where: they lie, for errors.

    Raises:
        DataError: there are none, or some lie in no class folder.
    """
    parts = {name: PurePosixPath(name).parts for name in names}
    if not parts:
        raise DataError(f"{where}: no pictures in it. Give an archive of class folders.")
    while len({inner[0] for inner in parts.values()}) == 1 and min(map(len, parts.values())) > 2:
        parts = {name: inner[1:] for name, inner in parts.items()}
    loose = next((name for name, inner in parts.items() if len(inner) < 2), None)
    if loose is not None:
        raise DataError(
            f"{where}: {loose} lies in no class folder. Put each class's pictures in a folder of their own, name the "
            "classes in a file (--labels), or take them from the pictures' names (--label-pattern)."
        )
    split_of = {inner[0]: split_word(inner[0]) for inner in parts.values()}
    is_divided = None not in split_of.values() and all(len(inner) > 2 for inner in parts.values())
    return [
        LabeledRow(name, inner[1], split_of[inner[0]] or "train", 0)
        if is_divided
        else LabeledRow(name, inner[0], "train", 0)
        for name, inner in parts.items()
    ]


ARCHIVE = Source(title="an archive of class folders", accepts=_accepts, open=_open)
