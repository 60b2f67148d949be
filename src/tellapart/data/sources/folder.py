"""Class folders: the pictures below a folder, sorted into splits and classes by `layout`.

Only names are read here; the images themselves stay closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tellapart.data.dataset import Dataset, Split
from tellapart.data.images import FileImages
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.layout import Layout, Wish, read_layout
from tellapart.data.sources.links import notices_of_links
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.walk import Folder, walk
from tellapart.paths import real_path


def _accepts(request: OpenRequest) -> bool:
    return request.path is not None and request.path.is_dir()


def _open(request: OpenRequest) -> Dataset:
    root = request.existing_path
    tree = walk(root)
    wish = Wish(
        class_depth=request.choice.class_depth,
        for_training=request.for_training,
        known_classes=request.known_classes,
    )
    layout = read_layout(tree, wish)
    notices = [*layout.notices, *notices_of_links(layout)]
    names = layout.class_names
    splits = {split: _split(layout, split, names, root) for split in layout.splits}
    ignored = tuple(_ignored(tree, layout))
    return assemble(folder_name(root), names, splits, str(root), ignored=ignored, notices=tuple(notices))


def _split(layout: Layout, split: str, names: tuple[str, ...], root: Path) -> Split:
    number_of = {name: number for number, name in enumerate(names)}
    images = list(layout.images(split))
    above = len((root / "x").as_posix()) - 1  # of "root/", which is nothing for the current folder
    return Split(
        tuple(path.as_posix()[above:] for path, _ in images),
        np.array([number_of[name] for _, name in images], np.int64),
        FileImages(tuple(path if isinstance(path, Path) else Path(path) for path, _ in images)),
    )


def folder_name(root: Path) -> str:
    """Return what a data set in this folder is called: the folder's own name."""
    return real_path(root).name or "pictures"


def _ignored(root: Folder, layout: Layout) -> Iterator[str]:
    """Yield the visible entries that are left out, relative to the root."""
    left_out = {id(folder) for folder in layout.left_out}
    of_classes = {
        id(folder) for classes in layout.splits.values() for folders in classes.values() for folder in folders
    }

    def inside(folder: Folder, of_class: bool) -> Iterator[str]:
        if id(folder) in left_out:
            yield folder.path.relative_to(root.path).as_posix() + "/"
            return
        of_class = of_class or id(folder) in of_classes
        skipped = folder.others if of_class else sorted((*folder.images, *folder.others))
        for path in skipped:
            yield path.relative_to(root.path).as_posix()
        for inner in folder.folders:
            yield from inside(inner, of_class)

    return inside(root, False)


CLASS_FOLDERS = Source(
    title="a folder of class folders", accepts=_accepts, open=_open, options=("class_depth",)
)
