"""Opening labeled images: a name, a folder, a file or arrays become one Dataset.

`sources.registry` lists the kinds of source; the first that accepts what the caller named opens it,
and the checks here hold for all of them. Opening reads names, labels and array bytes; image files stay closed
until somebody asks for pixels.

Knows nothing of the size a network wants, of augmentation or of batches.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.sources.catalog import KNOWN_SETS, find_known
from tellapart.data.sources.class_names import doubtful_classes, with_class_names
from tellapart.data.sources.label_choice import RECORDED, as_labels
from tellapart.data.sources.registry import source_of
from tellapart.data.sources.source import OpenRequest
from tellapart.errors import ConfigError, DataError
from tellapart.events import Progress
from tellapart.files import unreadable_is_bad_data
from tellapart.paths import in_which_folder, is_web_address, no_such_picture, real_path, similar_paths
from tellapart.text import described

__all__ = ["SPLIT_NAMES", "Dataset", "Split", "open_dataset"]


def open_dataset(
    data: Any,
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    download: bool = False,
    progress: Progress | None = None,
    for_training: bool = True,
    known_classes: Sequence[str] = (),
) -> Dataset:
    """Open labeled images, wherever they are.

    Args:
        data: the name of a known set ("digits", "cifar10", "cifar100", "mnist", "fashion-mnist"); the path of a folder
            of class folders, of an archive of one, of a file of labels (CSV, JSON, Parquet), of WebDataset shards, of a
            folder that `shard` wrote, of a known set in its official layout, or of an `.npz`; "hf:NAME", a data set of
            Hugging Face's hub; the address of shards, such as "s3://bucket/train-{000..099}.tar" (see
            `docs/scaling.md`); or arrays: (x, y), ((x_train, y_train), (x_test, y_test)), or a dict, or an `.npz`, of x
            and y, or of x_train, y_train, x_test, y_test, x_val, y_val and perhaps class_names. x is (N, H, W),
            (N, H, W, 1) or (N, H, W, 3): uint8, whole numbers 0 to 255, or floats all within 0 to 1. y has a class
            number, a class name or a one-hot row for each picture. See `docs/your-pictures.md`.
        labels: where the labels are, if not in the names of folders: the path of a file, one row an image (CSV, JSON
            Lines, JSON, Parquet); a `Labels`, which also names columns, a pattern or class names; or, for an array of
            images given alone, its labels.
        class_names: of labels 0, 1, 2, ... in arrays.
        download: fetch a known set that is not on this machine.
        progress: called with (bytes done, bytes in all) while downloading.
        for_training: whether it needs training pictures of at least two classes, as a training does.
        known_classes: of the model that the pictures are for, where there is one.

    Returns:
        `splits`, by name, each with ids, labels and images; `class_names`; and what else is known about the images.

    Raises:
        DataError: it cannot be used as it is; the message says what was met, what is accepted, what to do.
        DownloadError: a known set could not be fetched.
        MissingExtraError: parquet files, and pyarrow is not installed.
    """
    request = OpenRequest(
        data=data,
        labels=labels,
        class_names=class_names,
        download=download,
        progress=progress,
        for_training=for_training,
        known_classes=known_classes,
    )
    with unreadable_is_bad_data(request.path or "arrays in memory"):
        source = source_of(request)
        if source is None:
            raise DataError(_accepted_by_none(request.existing_path))
        if request.choice.multi_label and "multi_label" not in source.options:
            raise ConfigError(_one_class_each(source.title))
        if unused := request.choice.beyond(source.options):
            raise ConfigError(
                f"{', '.join(unused)} cannot be used here: the data is {source.title}. Leave "
                f"{'it' if len(unused) == 1 else 'them'} out, or name the classes in a file of labels (--labels)."
            )
        if isinstance(class_names, str) or not isinstance(class_names, Iterable | None):
            raise ConfigError(
                f'class_names is a list of names, such as ["cat", "dog"]; got {described(class_names)}.'
            )
        if class_names is not None and not source.takes_class_names:
            raise ConfigError(
                f"class_names cannot be used here: the data is {source.title}, which names its classes itself. Leave "
                "them out, or rename classes by a file of class names (--names, Labels(names=...))."
            )
        dataset = source.open(request)
        dataset = with_class_names(dataset, request.choice.names)
    if for_training:
        (_check_learnable_labels if dataset.multi_label else _check_learnable)(dataset)
    if dataset.multi_label:
        return dataset
    return dataset.replace(notices=(*dataset.notices, *doubtful_classes(dataset.class_names)))


def _check_learnable(dataset: Dataset) -> None:
    """Refuse a data set that no classifier could be trained on.

    Raises:
        DataError: no training images, a class that only another split has, or a single class.
    """
    train = dataset.splits.get("train")
    if train is None or not len(train):
        raise DataError(
            f"{dataset.where}: no training pictures (splits: {', '.join(dataset.splits)}). Add a split called train."
        )
    trained = set(np.flatnonzero(dataset.counts_of("train")).tolist())
    for name, split in dataset.splits.items():
        missing = sorted(set(np.unique(split.labels).tolist()) - trained)
        if missing:
            names = [dataset.class_names[label] for label in missing]
            raise DataError(
                f"{dataset.where}: {', '.join(names)} {'is' if len(missing) == 1 else 'are'} in {name} and not in "
                "train. A model can only learn a class that has training pictures: add some, or remove the "
                f"class from {name}.{_meant(names, [dataset.class_names[label] for label in trained])}"
            )
    if len(trained) < 2:
        only = dataset.class_names[trained.pop()]
        raise DataError(
            f"{dataset.where}: one class only ({only}); a classifier needs at least two. Add pictures of "
            "another class."
        )


def _one_class_each(title: str) -> str:
    return (
        f"Several labels a picture (--multi-label) cannot be used here: the data is {title}, where each picture has "
        "one "
        "class. Give a file of labels (--labels FILE.csv) with a column such as cat|dog, columns of 0 and 1, or "
        "several "
        "rows per picture; in Python also arrays of 0 and 1."
    )


def _check_learnable_labels(dataset: Dataset) -> None:
    """Refuse a data set of several labels a picture from which some label could not be learned.

    Raises:
        DataError: no training images, fewer than two labels, or a label that no training image has.
    """
    train = dataset.splits.get("train")
    if train is None or not len(train):
        raise DataError(
            f"{dataset.where}: no training pictures (splits: {', '.join(dataset.splits)}). Add a split called train."
        )
    if len(dataset.class_names) < 2:
        only = ", ".join(dataset.class_names) or "none"
        raise DataError(
            f"{dataset.where}: fewer than two labels ({only}). To tell whether pictures show one thing, give two "
            "classes, "
            "such as yes and no, and leave out --multi-label."
        )
    without = [
        name for name, count in zip(dataset.class_names, train.labels.sum(0), strict=True) if not count
    ]
    if without:
        raise DataError(
            f"{dataset.where}: no training picture is labeled "
            f"{', '.join(without[:5])}{', ...' * (len(without) > 5)}. A "
            "model can only learn a label that has training pictures: add some, or remove the label."
        )


def _meant(names: Sequence[str], trained: Sequence[str]) -> str:
    """Return a question for classes that are spelled nearly as those of the training split; empty where none are."""
    for name in names:
        if alike := difflib.get_close_matches(name.casefold(), [other.casefold() for other in trained], n=1):
            other = next(other for other in trained if other.casefold() == alike[0])
            return f"\nIs {name} the same class as {other} in train? Use the same spelling in every split."
    return ""


def _accepted_by_none(path: Path) -> str:
    """Return the error for a path that no source accepts: nothing is there, or it is a file of another kind."""
    if path.exists():
        return (
            f"{path} is a single file. Accepted: a folder of class folders, a file of labels (CSV, JSON), an archive "
            "of pictures (.zip, .tar), an .npz, a .parquet, an official archive, or a known data set "
            f"({', '.join(KNOWN_SETS)})."
        )
    if is_web_address(path):
        return no_such_picture(path)
    similar = similar_paths(path) + difflib.get_close_matches(str(path).lower(), list(KNOWN_SETS), n=2)
    return (
        f"{path}: no such folder or file{in_which_folder(path)}, and no known data set of that name."
        + (f"\nDid you mean {' or '.join(similar)}?" if similar else "")
        + f"\nKnown data sets: {', '.join(KNOWN_SETS)}."
    )


def reopening(data: Any, labels: Any = None) -> dict[str, Any]:
    """Return the arguments that open the same data in another process, from any folder; empty for arrays.

    Args:
        data: as for `open_dataset`.
        labels: as for `open_dataset`.

    Returns:
        `argument`, a known set's name or an absolute path; and what `Labels.reopening` returns.
    """
    choice = as_labels(labels)
    if not isinstance(data, str | os.PathLike) or not (choice.file is None or choice.is_file):
        return {}
    if isinstance(data, str) and (known := find_known(data)) is not None:
        return {"argument": known.name, **choice.reopening()}
    source = source_of(OpenRequest(data=data, labels=labels))
    if source is not None and source.by_name:
        return {"argument": str(data), **choice.reopening()}
    return {"argument": str(real_path(data)), **choice.reopening()}


def opens_the_same(given: Mapping[str, Any], saved: Mapping[str, Any]) -> bool:
    """Return whether data, as somebody gives it again, is what a run was trained on.

    Args:
        given: from `reopening`. Where it says nothing of labels, those of the run are meant.
        saved: the table `data` of run.toml.
    """
    says_labels = any(name in given for name in RECORDED)
    same_labels = all(given.get(name) == saved.get(name) for name in RECORDED)
    return given.get("argument") == saved.get("argument", "") and (same_labels or not says_labels)
