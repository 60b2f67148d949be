"""A folder, archive or parquet file in the layout in which a known set is published.

Two kinds: the path itself has such a layout, or it is a folder (of downloads, for instance) that holds one.
"""

from __future__ import annotations

from pathlib import Path

from tellapart.data.dataset import Dataset
from tellapart.data.sources.assemble import assemble, numbered_split
from tellapart.data.sources.catalog import KNOWN_SETS, KnownSet
from tellapart.data.sources.formats import Layout, find_layout
from tellapart.data.sources.known import find_place
from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.labels import checked_labels, has_numbers
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.errors import ConfigError, DataError
from tellapart.paths import real_path


def _has_layout(request: OpenRequest) -> bool:
    return request.path is not None and find_layout(request.path) is not None


def _open_layout(request: OpenRequest) -> Dataset:
    path = request.existing_path
    layout = find_layout(path)
    assert layout is not None
    return _read(path, layout, request.choice)


def _holds_known_set(request: OpenRequest) -> bool:
    path = request.path
    return (
        path is not None and path.is_dir() and any(find_place(known, path) for known in KNOWN_SETS.values())
    )


def _open_known_inside(request: OpenRequest) -> Dataset:
    path = request.existing_path
    places = {
        known.name: place for known in KNOWN_SETS.values() if (place := find_place(known, path)) is not None
    }
    if len(places) > 1:
        raise DataError(
            f"{path} holds several sets: {', '.join(places)}. Give the path of one of them, or set "
            "TELLAPART_DATA to this folder and give its name."
        )
    return _read(*next(iter(places.values())), request.choice)


def _read(path: Path, layout: Layout, choice: Labels) -> Dataset:
    if not layout.has_columns and (unused := choice.beyond(())):
        raise ConfigError(
            f"{', '.join(unused)} cannot be used here: {layout.title} has no columns. Leave it out."
        )
    raw = layout.read(path, choice) if layout.has_columns else layout.read(path)
    known = _known_set_at(path, layout)
    names = raw.class_names or (known.class_names if known else None)
    labels, class_names = checked_labels({split: part.labels for split, part in raw.splits.items()}, names)
    splits = {split: numbered_split(split, labels[split], part.images) for split, part in raw.splits.items()}
    name, mirrors = (known.name, known.mirrors) if known else (path.stem, None)
    numbered = names is not None or has_numbers(part.labels for part in raw.splits.values())
    return assemble(
        name, class_names, splits, str(path), mirrors=mirrors, notices=raw.notices, numbered=numbered
    )


def _known_set_at(path: Path, layout: Layout) -> KnownSet | None:
    """Return the known set at a path: by its layout where only one set has it, else by the folder's name."""
    if len(layout.known) == 1:
        return KNOWN_SETS[layout.known[0]]
    words = [part.lower().replace("_", "-") for part in real_path(path).parts[-2:]]
    if any("fashion" in word for word in words):
        return KNOWN_SETS["fashion-mnist"]
    return next((KNOWN_SETS[name] for name in layout.known if name in words), None)


OFFICIAL_LAYOUT = Source(
    title="an official layout",
    accepts=_has_layout,
    open=_open_layout,
    options=("path_column", "label_column"),
)
HOLDS_KNOWN_SET = Source(
    title="a folder that holds a known set",
    accepts=_holds_known_set,
    open=_open_known_inside,
    options=("path_column", "label_column"),
)
