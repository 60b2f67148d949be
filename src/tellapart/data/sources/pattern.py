"""The class in each image's name or path, such as `cat.0.jpg`, by a regular expression that somebody gives."""

from __future__ import annotations

from collections.abc import Sequence

from tellapart.data.dataset import Dataset
from tellapart.data.sources.archive_place import ArchivePlace, is_archive_name
from tellapart.data.sources.classes_in_names import suggested_pattern
from tellapart.data.sources.csv_labels import dataset_of_rows
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.tables.label_pattern import compiled_pattern, label_in
from tellapart.data.sources.tables.place import FolderPlace, Place
from tellapart.data.sources.tables.rows import LabeledRows
from tellapart.data.sources.tables.splits import split_of_folders, split_word
from tellapart.data.sources.tables.table import LabeledRow
from tellapart.errors import DataError
from tellapart.text import counted

_MOST_UNMATCHED = 0.5
"""Share of the images that may not match."""


def _accepts(request: OpenRequest) -> bool:
    path = request.path
    return (
        request.choice.pattern is not None
        and path is not None
        and (path.is_dir() or (path.is_file() and is_archive_name(path.name)))
    )


def _open(request: OpenRequest) -> Dataset:
    path = request.existing_path
    place: Place = FolderPlace(path) if path.is_dir() else ArchivePlace(path)
    labeled = rows_by_pattern(place, request.choice.pattern or "")
    return dataset_of_rows(labeled, place, place.where)


def rows_by_pattern(place: Place, pattern: str) -> LabeledRows:
    """Read the class, and a split if there is a group of that name, from each image's path.

    Args:
        place: of the images.
        pattern: a regular expression, searched in the path relative to the place.

    Raises:
        ConfigError: it is no regular expression, or has no group.
        DataError: more than half of the paths do not match, or a split is none.
    """
    expression = compiled_pattern(pattern)
    keys = place.listed()
    rows, unmatched = [], []
    for key in keys:
        match, label = expression.search(key), label_in(expression, key)
        if match is None or not label:
            unmatched.append(key)
            continue
        split = match["split"] if "split" in expression.groupindex else ""
        if split_word(split or "") is None:
            raise DataError(
                f"{place.where}: {pattern} finds the split {split!r} in {key}; it is train, validation or test."
            )
        rows.append(LabeledRow(key, label, split_word(split or "") or "train", 0))
    if len(unmatched) > _MOST_UNMATCHED * len(keys) or not keys:
        raise DataError(_few_match(place, pattern, keys, unmatched))
    notices = []
    if unmatched:
        notices.append(
            f"Left out {counted(len(unmatched), 'picture')} whose path does not match --label-pattern, such as "
            f"{unmatched[0]}"
        )
    if "split" not in expression.groupindex:
        rows, by_folder = split_of_folders(rows)
        notices += by_folder
    return LabeledRows(rows, tuple(notices))


def _few_match(place: Place, pattern: str, keys: Sequence[str], unmatched: Sequence[str]) -> str:
    if not keys:
        return f"{place.where}: no pictures in it."
    suggestion = suggested_pattern(keys)
    advice = f" Did you mean --label-pattern '{suggestion}'?" if suggestion else ""
    return (
        f"{place.where}: --label-pattern {pattern} matches {len(keys) - len(unmatched):,} of {len(keys):,} pictures; "
        f"for example, it does not match {unmatched[0]}.{advice}"
    )


PATTERN = Source(
    title="images whose names hold the class", accepts=_accepts, open=_open, options=("pattern",)
)
