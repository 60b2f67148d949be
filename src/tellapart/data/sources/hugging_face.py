"""Hugging Face's data sets: `hf:NAME` or `hf:NAME:CONFIG`, and folders written by `Dataset.save_to_disk`.

The package `datasets` downloads and caches them; pictures stay in its Arrow files and are decoded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.data.dataset import Dataset, Split
from tellapart.data.sources.assemble import assemble
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.sources.formats.parquet_columns import label_array
from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.labels import checked_labels, has_numbers
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.split_words import split_of
from tellapart.data.sources.tables.roles import LABEL_NAMES, squashed
from tellapart.errors import DataError, DownloadError, MissingExtraError
from tellapart.paths import real_path
from tellapart.text import counted

_PREFIXES = ("hf://datasets/", "hf://", "hf:")
_SAVED = ("dataset_dict.json", "state.json")
"""Files in a folder that `save_to_disk` wrote: of several splits, and of one."""


def _name(data: Any) -> str | None:
    """Return the data set's name in Hugging Face's hub; None: `data` is something else."""
    if not isinstance(data, str):
        return None
    prefix = next((prefix for prefix in _PREFIXES if data.startswith(prefix)), None)
    return None if prefix is None else data.removeprefix(prefix).strip("/")


def _is_saved(path: Path | None) -> bool:
    return path is not None and any((path / name).is_file() for name in _SAVED)


def _open(request: OpenRequest) -> Dataset:
    name = _name(request.data)
    where = f"Hugging Face's {name}" if name else str(request.path)
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("datasets", "datasets", f"Reading {where}") from None
    try:
        loaded = (
            _loaded(datasets, name)
            if name
            else datasets.load_from_disk(str(real_path(request.existing_path)))
        )
    except Exception as reason:  # its errors have no common kind
        what = "could not be loaded" if name else "cannot be read"
        raise (DownloadError if name else DataError)(
            f"{where} {what} ({type(reason).__name__}: {str(reason).partition(chr(10))[0]}). Check "
            "the name (hf:NAME or hf:NAME:CONFIG) and the network, or give the path of a copy."
        ) from reason
    parts = loaded if isinstance(loaded, Mapping) else {"train": loaded}
    title = (name or request.existing_path.name).rpartition("/")[2].replace(":", "-")
    return _dataset(datasets, title, parts, where, request.choice)


def _loaded(datasets: Any, name: str) -> Any:
    repository, _, config = name.partition(":")
    return datasets.load_dataset(repository, config or None)


def _dataset(datasets: Any, title: str, parts: Mapping[str, Any], where: str, choice: Labels) -> Dataset:
    features = next(iter(parts.values())).features
    image, label = _columns(datasets, features, where, choice)
    class_names = getattr(features[label], "names", None)
    notices, labels, images, ids = [], {}, {}, {}
    for part, table in parts.items():
        split = split_of(part)
        if split is None or split in labels:
            notices.append(f"Left out {part}, which is no split of its own")
            continue
        values = label_array(list(table[label]), Path(where), label)
        rows = [row for row, value in enumerate(values) if value is not None and value != -1]
        if len(rows) < len(values):
            notices.append(
                f"Left out {counted(len(values) - len(rows), 'picture')} of {part} without a label"
            )
        if rows:
            kept = values[rows]
            labels[split] = kept.astype(str if isinstance(kept[0], str) else int)
            encoded = table.cast_column(image, datasets.Image(decode=False))
            ids[split] = tuple(f"{part}/{row:05d}" for row in rows)
            images[split] = BlobImages(tuple(rows), _fetch(encoded, image), ids[split])
    if not labels:
        raise DataError(f"{where}: no labeled pictures (parts: {', '.join(parts)}).")
    numbers, names = checked_labels(labels, class_names)
    splits = {split: Split(ids[split], numbers[split], images[split]) for split in numbers}
    numbered = class_names is not None or has_numbers(labels.values())
    return assemble(title, names, splits, where, notices=tuple(notices), numbered=numbered)


def _fetch(table: Any, image: str) -> Any:
    def fetch(row: int) -> bytes | Path:
        cell = table[row][image]
        if cell is None or not (cell.get("bytes") or cell.get("path")):
            raise DataError("no picture")
        return cell["bytes"] or Path(cell["path"])

    return fetch


def _columns(datasets: Any, features: Mapping[str, Any], where: str, choice: Labels) -> tuple[str, str]:
    """Return the names of the columns of images and labels.

    Raises:
        DataError: there is none, or several could be meant.
    """
    for given, option in ((choice.path_column, "--path-column"), (choice.label_column, "--label-column")):
        if given is not None and given not in features:
            raise DataError(f"{where}: {option} {given}: no such column. It has: {', '.join(features)}.")
    pictures = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    classes = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    called = [name for name in features if squashed(name) in LABEL_NAMES and name not in pictures]
    image = _only(pictures, choice.path_column, where, "--path-column")
    fine = [name for name in classes if squashed(name) == "finelabel"]
    label = _only(fine or classes or called, choice.label_column, where, "--label-column")
    if image is None or label is None:
        lacks = "pictures" if image is None else "labels"
        raise DataError(
            f"{where}: no column of {lacks} (columns: {', '.join(features)}). tellapart needs a picture and a class in "
            "each row; choose columns with --path-column and --label-column."
        )
    return image, label


def _only(candidates: Sequence[str], given: str | int | None, where: str, option: str) -> str | None:
    if given is not None:
        return str(given)
    if len(candidates) > 1:
        raise DataError(
            f"{where}: {' and '.join(candidates)} could be meant. Choose one: {option} {candidates[0]}"
        )
    return candidates[0] if candidates else None


HUB = Source(
    title="a data set in Hugging Face's hub",
    accepts=lambda request: bool(_name(request.data)),
    open=_open,
    by_name=True,
    options=("path_column", "label_column"),
)
SAVED = Source(
    title="a folder that Hugging Face's datasets saved",
    accepts=lambda request: _is_saved(request.path),
    open=_open,
    options=("path_column", "label_column"),
)
