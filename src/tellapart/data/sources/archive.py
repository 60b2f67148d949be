"""A zip or tar file of class folders, read in place: nothing is unpacked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from tellapart.data.dataset import Dataset
from tellapart.data.sources.archive_place import ArchivePlace, is_archive_name, is_foreign_archive
from tellapart.data.sources.csv_labels import dataset_of_rows
from tellapart.data.sources.layout import Wish, read_layout
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.tables.rows import LabeledRows
from tellapart.data.sources.tables.table import LabeledRow
from tellapart.data.sources.walk import Folder, is_image_name
from tellapart.errors import DataError
from tellapart.text import natural_key


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    return (
        path is not None and path.is_file() and (is_archive_name(path.name) or is_foreign_archive(path.name))
    )


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    if is_foreign_archive(path.name):
        raise DataError(
            f"{path}: this archive format is not read. Unpack it and give the folder, or repack it as .zip or .tar."
        )
    place = ArchivePlace(path)
    tree = tree_of(place.names, PurePosixPath(path.as_posix()))
    wish = Wish(
        class_depth=request.choice.class_depth,
        for_training=request.for_training,
        known_classes=request.known_classes,
    )
    layout = read_layout(tree, wish)
    rows = [
        LabeledRow(image.relative_to(tree.path).as_posix(), label, split, 0)
        for split in layout.splits
        for image, label in layout.images(split)
    ]
    return dataset_of_rows(LabeledRows(rows, tuple(layout.notices)), place, str(path))


def tree_of(names: Iterable[str], root: PurePosixPath) -> Folder:
    """Return the folders that the names of an archive's files spell.

    Args:
        names: relative, with slashes.
        root: what the archive is called.
    """
    inside: dict[str, list[str]] = {}
    loose: list[PurePosixPath] = []
    for name in names:
        first, slash, rest = name.partition("/")
        if slash:
            inside.setdefault(first, []).append(rest)
        else:
            loose.append(root / name)
    images = [path for path in loose if is_image_name(path.name)]
    return Folder(
        root,
        str(root),
        tuple(tree_of(inside[name], root / name) for name in sorted(inside, key=natural_key)),
        tuple(sorted(images, key=lambda path: natural_key(path.name))),
        tuple(path for path in loose if not is_image_name(path.name)),
    )


ARCHIVE = Source(title="an archive of class folders", accepts=_accepts, open=_open, options=("class_depth",))
