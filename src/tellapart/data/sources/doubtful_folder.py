"""Folders that hold something else than class folders, and what to do with each: asked, never guessed.

boxes around objects (YOLO, Pascal VOC, COCO)     refused
one flat folder beside a file of labels           refused with --labels FILE filled in
one flat folder whose names show the classes      refused with --label-pattern REGEX filled in
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tellapart.data.dataset import Dataset
from tellapart.data.sources.classes_in_names import labels_by, suggested_pattern
from tellapart.data.sources.label_choice import EVERY_OPTION
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.tables.boxes import boxes_refused
from tellapart.data.sources.tables.likely import likely_label_file
from tellapart.data.sources.tables.readers import is_table_name
from tellapart.data.sources.walk import is_hidden, is_image_name, walk
from tellapart.errors import DataError

_LOOKED_AT = 10_000
"""Entries of a folder."""

_YOLO_LINE = re.compile(rb"\d+( -?[\d.]+(e-?\d+)?){4,}\s*")
_NO_LABELS = re.compile(r"(read.?me|licen[cs]e|requirements|classes|names|notes|data)\b.*", re.IGNORECASE)
"""Files that end like those of labels and are none."""


def _entries(folder: Path) -> Iterator[Path]:
    return (path for path in islice(folder.iterdir(), _LOOKED_AT) if not is_hidden(path.name))


def _box_files(root: Path) -> str:
    """Return what in a folder holds boxes; empty where nothing does."""
    for inner in (root, root / "train"):
        if (inner / "Annotations").is_dir() and (inner / "JPEGImages").is_dir():
            return "Annotations (Pascal VOC format)"
        if next(inner.glob("_annotations.coco.json"), None) or next(
            inner.glob("annotations/instances_*.json"), None
        ):
            return "annotations (COCO format)"
        if (inner / "labels").is_dir() and (inner / "images").is_dir() and _is_yolo(inner / "labels"):
            return "labels (YOLO format)"
    return "labels (YOLO format)" if _is_flat(root) and _is_yolo(root) else ""


def _is_yolo(folder: Path) -> bool:
    """Return whether text files lie in a folder, or one folder down, of numbers of a class and a box."""
    texts = islice((path for pattern in ("*.txt", "*/*.txt") for path in folder.glob(pattern)), 5)
    found = [path.read_bytes()[:200] for path in texts if path.is_file() and not _NO_LABELS.match(path.name)]
    return any(found) and all(not content or _YOLO_LINE.match(content) for content in found)


def _is_flat(root: Path) -> bool:
    """Return whether images lie in the folder itself, and none below it."""
    entries = list(_entries(root))
    if not any(is_image_name(path.name) for path in entries):
        return False
    return not any(walk(path).holds_images for path in entries if path.is_dir())


def _advice_on_flat(root: Path) -> str:
    """Return the way to open a flat folder; empty where nothing shows one."""
    if not _is_flat(root):
        return ""
    tables = [
        path
        for path in _entries(root)
        if is_table_name(path.name) and path.is_file() and not _NO_LABELS.match(path.name)
    ]
    if tables:
        table = likely_label_file(tables)
        return (
            f"the pictures are not in class folders, but {table.name} lies beside them. If it holds their "
            f"labels, pass --labels {table}"
        )
    names = [path.name for path in _entries(root) if is_image_name(path.name)]
    pattern = suggested_pattern(names)
    if pattern is None:
        return ""
    labels = labels_by(pattern, names)
    shown = ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
    return (
        f"the pictures are not in class folders, but their names look like {len(labels)} classes ({shown}). If that "
        f"is right, pass --label-pattern '{pattern}'"
    )


def _is_given(request: OpenRequest) -> Path | None:
    path = request.path
    return path if path is not None and path.is_dir() and request.choice.file is None else None


def _accepts(says: Callable[[Path], str]) -> Callable[[OpenRequest], bool]:
    def accepts(request: OpenRequest) -> bool:
        folder = _is_given(request)
        return folder is not None and bool(says(folder))

    return accepts


def _refuse_boxes(request: OpenRequest) -> Dataset:
    raise boxes_refused(request.existing_path, _box_files(request.existing_path))


def _refuse_flat(request: OpenRequest) -> Dataset:
    root = request.existing_path
    raise DataError(
        f"{root}: {_advice_on_flat(root)}. Otherwise put each class's pictures in a folder of their own."
    )


BOXES = Source(
    title="a folder of pictures with boxes",
    accepts=_accepts(_box_files),
    open=_refuse_boxes,
    options=EVERY_OPTION,
)
FLAT_FOLDER = Source(
    title="a flat folder", accepts=_accepts(_advice_on_flat), open=_refuse_flat, options=EVERY_OPTION
)
