"""Train, validation and test: a seeded, stratified division by id, and the CSV file that records it.

Official splits stay what they are; only a missing one is carved from the training split.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.csv_file import csv_rows
from tellapart.data.dataset import SPLIT_NAMES, Dataset, Split
from tellapart.data.multi_label import are_several, label_text, recorded_names
from tellapart.data.stratification import drawn_evenly
from tellapart.errors import ConfigError, DataError
from tellapart.files import write_whole
from tellapart.text import as_bytes, counted, csv_line

SPLIT_COLUMNS = ("id", "label", "split")


def divide(dataset: Dataset, *, validation: float, test: float, seed: int, keep: int = 1) -> Dataset:
    """Carve the splits that a data set lacks from its training split.

    The draw depends on the seed and each image's id alone, so an image that is added later moves at most
    its own class's neighbors. Which images are in the test split does not depend on the validation share.

    Args:
        dataset: with at least a train split.
        validation: share of the original training split, 0 to 1; 0 carves none.
        test: share of the same images, 0 to 1.
        seed: any whole number.
        keep: training images that every class keeps, if it has so many.

    Returns:
        A data set with the splits that were lacking.

    Raises:
        ConfigError: a share out of range, or both together leave nothing to train on.
        DataError: a share is above 0 and no class has an image to spare.
    """
    shares = {"test": test, "validation": validation}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ConfigError(f"{name} is a share of the training pictures, 0 to below 1; got {share}.")
    wanted = {name: share for name, share in shares.items() if share > 0 and name not in dataset.splits}
    if sum(wanted.values()) >= 1:
        raise ConfigError(
            f"validation {validation} and test {test} together leave nothing to train on; their sum must be below 1."
        )
    train = dataset.splits["train"]
    original_size = len(train)
    carved: dict[str, Split] = {}
    for name, share in wanted.items():
        drawn = draw_of_any(train.ids, train.labels, max(1, round(share * original_size)), seed, keep)
        if not len(drawn):
            raise DataError(
                f"{dataset.where}: no picture can be held out for {name}: no class has more than {keep} training "
                f"{'picture' if keep == 1 else 'pictures'}. Add pictures until a class has {keep + len(wanted)}, or "
                f"add a {name} split of your own: a folder {name}/<class>, or arrays x_{name} and y_{name}."
            )
        carved[name] = train.take(drawn)
        train = train.take(np.setdiff1d(np.arange(len(train)), drawn))
    return _with_splits(dataset, {**dataset.splits, **carved, "train": train})


def write_split_csv(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Record which image is in which split: id, label (the class's name; of several, a JSON list), split.

    Raises:
        SaveError: the file cannot be written; nothing half-written is left.
    """
    write_whole(Path(path), lambda place: _write_rows(dataset, place))


def _write_rows(dataset: Dataset, place: Path) -> None:
    with place.open("wb") as file:
        file.write(as_bytes(csv_line(SPLIT_COLUMNS)))
        for name, split in dataset.splits.items():
            for identifier, label in zip(split.ids, split.labels, strict=True):
                file.write(as_bytes(csv_line((identifier, label_text(label, dataset.class_names), name))))


def read_split_csv(path: str | os.PathLike[str]) -> dict[str, tuple[str, str]]:
    """Read what `write_split_csv` recorded.

    Returns:
        id -> (class name, split).

    Raises:
        DataError: another kind of file, or an id appears twice.
    """
    try:
        rows = csv_rows(path)
        _, first = next(rows, (0, None))
        if first is None or tuple(first) != SPLIT_COLUMNS:
            raise DataError(
                f"{path}: its first line is {first or 'missing'}; expected {','.join(SPLIT_COLUMNS)}."
            )
        recorded: dict[str, tuple[str, str]] = {}
        for line, row in rows:
            if len(row) != 3 or row[2] not in SPLIT_NAMES or row[0] in recorded:
                raise DataError(f"{path}: line {line} is {row}; expected a new id, a class name and a split.")
            recorded[row[0]] = (row[1], row[2])
        return recorded
    except (OSError, csv.Error) as reason:
        raise DataError(f"{path}: not readable ({getattr(reason, 'strerror', None) or reason}).") from reason


def apply_split(
    dataset: Dataset, recorded: Mapping[str, tuple[str, str]], only: str | None = None
) -> Dataset:
    """Divide a data set as recorded, whatever its present splits.

    Pictures that came after the record are left out, and so are classes of such pictures alone; a notice counts them.

    Args:
        dataset: as it is now.
        recorded: id -> (class name, split).
        only: the split that is wanted; recorded pictures of the others may be gone, and a notice counts them. None:
            all are wanted.

    Raises:
        DataError: recorded images were removed or changed their class since.
    """
    dataset = _without_new(dataset, recorded)
    present = {
        identifier: (name, row)
        for name, split in dataset.splits.items()
        for row, identifier in enumerate(split.ids)
    }
    gone = recorded.keys() - present.keys()
    if only is not None and gone and all(recorded[identifier][1] != only for identifier in gone):
        recorded = {identifier: row for identifier, row in recorded.items() if identifier in present}
        notice = f"{counted(len(gone), 'recorded picture')} of other splits gone since the training"
        dataset = dataset.replace(notices=(*dataset.notices, notice))
    _check_unchanged(dataset, present, recorded)
    if all(present[identifier][0] == split for identifier, (_, split) in recorded.items()):
        return dataset
    splits = {}
    for name in SPLIT_NAMES:
        places = sorted(present[identifier] for identifier, (_, split) in recorded.items() if split == name)
        origins = {origin for origin, _ in places}
        if len(origins) > 1:
            raise DataError(
                f"{dataset.where}: the record's {name} pictures now lie in {' and '.join(sorted(origins))}. "
                "The folders were divided again since then; start a new training, or restore them."
            )
        if places:
            splits[name] = dataset.splits[origins.pop()].take(np.array([row for _, row in places], np.int64))
    return _with_splits(dataset, splits)


def _without_new(dataset: Dataset, recorded: Mapping[str, tuple[str, str]]) -> Dataset:
    """Return the data set without the pictures, classes and splits that the record does not know."""
    rows = {
        name: np.array([row for row, identifier in enumerate(split.ids) if identifier in recorded], np.int64)
        for name, split in dataset.splits.items()
    }
    new = sum(len(split) - len(rows[name]) for name, split in dataset.splits.items())
    if not new:
        return dataset
    several = any(are_several(split.labels) for split in dataset.splits.values())
    of_record = recorded_names((label for label, _ in recorded.values()), several=several)
    kept = [number for number, name in enumerate(dataset.class_names) if name in of_record]
    number_of = np.full(len(dataset.class_names), -1, np.int64)
    number_of[kept] = np.arange(len(kept))
    splits = {}
    for name, split in dataset.splits.items():
        old = split.take(rows[name])
        if len(old):
            labels = old.labels[:, kept] if several else number_of[old.labels]
            splits[name] = dataclasses.replace(old, labels=labels)
    _check_classes(dataset, rows, recorded)
    notice = f"{counted(new, 'picture')} added since the training: left out"
    return dataset.replace(
        class_names=tuple(dataset.class_names[number] for number in kept),
        splits=splits,
        notices=(*dataset.notices, notice),
    )


def _check_unchanged(
    dataset: Dataset, present: Mapping[str, tuple[str, int]], recorded: Mapping[str, tuple[str, str]]
) -> None:
    """Refuse a data set whose recorded images are gone or have another class.

    Args:
        dataset: as it is now.
        present: id -> (split, row) in it.
        recorded: id -> (class name, split).
    """
    if removed := recorded.keys() - present.keys():
        raise DataError(
            f"{dataset.where}: {counted(len(removed), 'recorded picture')} {'is' if len(removed) == 1 else 'are'} gone "
            f"(for example, {min(removed)}). Start a new training, or restore the pictures."
        )
    _check_classes(dataset, {name: np.arange(len(split)) for name, split in dataset.splits.items()}, recorded)


def _check_classes(
    dataset: Dataset, rows: Mapping[str, NDArray[np.int64]], recorded: Mapping[str, tuple[str, str]]
) -> None:
    """Refuse recorded images, in these rows of each split, that have another class now."""
    for name, split in dataset.splits.items():
        for row in rows[name].tolist():
            identifier, class_name = split.ids[row], recorded[split.ids[row]][0]
            if label_text(split.labels[row], dataset.class_names) != class_name:
                raise DataError(
                    f"{dataset.where}: {identifier} was recorded as {class_name} and no longer is. Start a new "
                    "training, or restore its label."
                )


def _with_splits(dataset: Dataset, splits: Mapping[str, Split]) -> Dataset:
    carved = tuple(name for name in splits if name in dataset.carved or name not in dataset.splits)
    ordered = {name: splits[name] for name in SPLIT_NAMES if name in splits}
    return dataset.replace(splits=ordered, carved=carved)


def draw_of_any(
    ids: Sequence[str], labels: NDArray[Any], count: int, seed: int, keep: int = 1
) -> NDArray[np.int64]:
    """Draw rows as `draw` does, or of several labels a picture by iterative stratification."""
    if not are_several(labels):
        return draw(ids, labels, count, seed, keep)
    keys = np.array([_key(identifier, seed) for identifier in ids], dtype=np.uint64)
    return drawn_evenly(labels, count, np.argsort(keys, kind="stable"), keep)


def draw(
    ids: Sequence[str], labels: NDArray[np.int64], count: int, seed: int, keep: int = 1
) -> NDArray[np.int64]:
    """Draw rows so that each class gives its share, and keeps some.

    Shares are apportioned by largest remainder: the counts add up exactly, and no class is off by more than
    one, except where it is too small to give.

    Args:
        ids: (N,) unique.
        labels: (N,) class numbers.
        count: rows to draw. Fewer come back when the classes cannot give that many.
        seed: any whole number.
        keep: rows that each class keeps, if it has so many.

    Returns:
        (count,) rows, ascending.
    """
    classes, class_sizes = np.unique(labels, return_counts=True)
    quotas = _apportion(class_sizes, count, seed, keep)
    keys = np.array([_key(identifier, seed) for identifier in ids], dtype=np.uint64)
    drawn = []
    for label, quota in zip(classes, quotas, strict=True):
        rows = np.flatnonzero(labels == label)
        drawn.append(rows[np.argsort(keys[rows], kind="stable")[:quota]])
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, np.int64)


def _apportion(class_sizes: NDArray[np.int64], count: int, seed: int, keep: int) -> NDArray[np.int64]:
    """Return how many rows each class gives: its share, rounded so that all sum to `count`; it keeps `keep`."""
    spare = np.maximum(class_sizes - keep, 0)
    count = min(count, int(spare.sum()))
    exact = class_sizes * (count / max(int(class_sizes.sum()), 1))
    quotas = np.minimum(np.floor(exact).astype(np.int64), spare)
    # Ties go by a hash, not by the class's place in the alphabet.
    ties = [_key(f"class {number}", seed) for number in range(len(class_sizes))]
    order = sorted(range(len(class_sizes)), key=lambda number: (quotas[number] - exact[number], ties[number]))
    while int(quotas.sum()) < count:
        for number in order:
            if quotas[number] < spare[number] and int(quotas.sum()) < count:
                quotas[number] += 1
    return quotas


def _key(identifier: str, seed: int) -> int:
    """Return a 64-bit hash by which ids are sorted."""
    return int.from_bytes(
        hashlib.sha256(f"{seed}\0{identifier}".encode("utf-8", "surrogateescape")).digest()[:8], "big"
    )
