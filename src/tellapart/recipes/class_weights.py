"""Class weights: how much the images of each class count in the loss.

They are given in one of several forms, before the images are opened, and resolved to a number for each class once
their classes are known.
"""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.data.csv_file import csv_rows
from tellapart.errors import ConfigError, DataError
from tellapart.pages.card import Readable
from tellapart.paths import near_names
from tellapart.recipes.field_checks import check_types
from tellapart.text import short_name
from tellapart.untrusted.regular_file import read_regular

BALANCED = "balanced"

LARGEST_WEIGHT = 1e6
"""Larger ones are slips of the hand: one image would outweigh a million."""

LARGEST_FILE = 10_000_000
"""Bytes of a JSON file of weights."""

CLASSES_NAMED = 5
"""In an error, before the others are counted."""

_FORMS = (
    'class_weight is "balanced", a mapping from class names to numbers such as {"cat": 3.0}, or a CSV or JSON file of '
    "them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWeights(Readable):
    """What an image of each class counts in the loss. Saved with the run, resolved.

    Nobody needs to build one: `train` takes class_weight="balanced", {"cat": 3.0} (names, or numbers of classes from 0;
    classes left out count 1), or a CSV or JSON file of them.
    """

    origin: Literal["balanced", "given"]
    """balanced: inversely as many as the class has training images, 1 on average over all training images, as
    scikit-learn's "balanced". given: by somebody."""

    file: str | None = None
    """File that they were read from; None: there is none."""

    weights: Mapping[str | int, float] | None = None
    """Class -> what each of its images counts, 0 or more; None: not computed yet. In a run's settings, every class by
    its name."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.weights is None:
            if self.origin == "given":
                raise ConfigError(f"{_FORMS}; got none.")
            return
        for name, weight in self.weights.items():
            _check(name, weight)
        if not any(self.weights.values()):
            raise ConfigError(
                "class_weight leaves no class in the loss: at least one weight must be above 0."
            )

    def of(self, class_names: Sequence[str]) -> NDArray[np.float32]:
        """Return the weights in the order of the classes, (classes,).

        Args:
            class_names: for which they were resolved.
        """
        assert self.weights is not None
        return np.array([self.weights[name] for name in class_names], np.float32)


def _check(name: Any, weight: Any) -> None:
    if isinstance(name, bool) or not isinstance(name, str | Integral):
        raise ConfigError(f"{_FORMS}; got the class {name!r}.")
    is_number = isinstance(weight, Real) and not isinstance(weight, bool) and math.isfinite(weight)
    if not is_number or not 0 <= weight <= LARGEST_WEIGHT:
        raise ConfigError(
            f"class_weight of {short_name(str(name))} is a number from 0 to {LARGEST_WEIGHT:g}; got {str(weight)[:40]}."
        )


def class_weights_from(given: Any) -> ClassWeights:
    """Return class weights from what somebody gave.

    Args:
        given: "balanced"; a mapping, class -> weight; the path of a file of them; or ClassWeights. A class is its name,
            or, as in Keras, its number from 0.

    Raises:
        ConfigError: another type, or a weight out of range.
        DataError: a file that cannot be read.
    """
    if isinstance(given, ClassWeights):
        return given
    if isinstance(given, Mapping):
        if not given:
            raise ConfigError(f"{_FORMS}; got an empty mapping.")
        for name, weight in given.items():
            _check(name, weight)
        return ClassWeights(
            origin="given", weights={_plain(name): float(weight) for name, weight in given.items()}
        )
    if given == BALANCED:
        return ClassWeights(origin="balanced")
    if isinstance(given, str | os.PathLike) and str(given).strip():
        return _read(Path(given))
    raise ConfigError(f"{_FORMS}; got {str(given)[:60]!r}.")


def _plain(name: Any) -> str | int:
    return name if isinstance(name, str) else int(name)


def _read(path: Path) -> ClassWeights:
    """Read a JSON object, or a CSV file of the columns class and weight, with or without a heading."""
    if not path.is_file():
        raise DataError(f"{path}: no such file. {_FORMS}: of CSV, a row for each class, such as cat,3.0.")
    if path.suffix.lower() == ".json":
        try:
            values = json.loads(read_regular(path, LARGEST_FILE))
        except (OSError, ValueError, RecursionError) as reason:
            raise DataError(f"{path}: no JSON that can be read ({reason}).") from reason
        if not isinstance(values, dict) or not values:
            raise DataError(f'{path}: it holds no object of classes and weights, such as {{"cat": 3.0}}.')
    else:
        values = _rows(path)
    try:
        return ClassWeights(origin="given", file=str(path), weights=values)
    except ConfigError as reason:
        raise DataError(f"{path}: {reason}") from reason


def _rows(path: Path) -> dict[str | int, float]:
    values: dict[str | int, float] = {}
    try:
        rows = [(line, row) for line, row in csv_rows(path) if any(row)]
    except (OSError, csv.Error) as reason:
        raise DataError(f"{path}: not readable ({getattr(reason, 'strerror', None) or reason}).") from reason
    for line, row in rows:
        try:
            name, text = row
            weight = float(text)
        except ValueError as reason:
            if line == 1 and len(row) == 2:  # a heading
                continue
            raise DataError(
                f"{path}: line {line} is {','.join(row)[:60]!r}; expected a class and its weight, such as cat,3.0."
            ) from reason
        name = name.strip()
        if name in values:
            raise DataError(f"{path}: line {line}: the class {short_name(name)} is there twice.")
        values[name] = weight
    if not values:
        raise DataError(f"{path}: it holds no class weights; expected rows such as cat,3.0.")
    return values


def resolved(given: ClassWeights, class_names: Sequence[str], counts: NDArray[np.int64]) -> ClassWeights:
    """Return the weights of every class, by its name; a class that was not named counts 1.

    Args:
        given: as somebody gave them.
        class_names: of the data.
        counts: (classes,) training images of each.

    Raises:
        ConfigError: a class that the data does not have.
    """
    if given.origin == "balanced":
        present = int((counts > 0).sum())
        weights: dict[str | int, float] = {
            name: int(counts.sum()) / (present * int(count)) if count else 1.0
            for name, count in zip(class_names, counts, strict=True)
        }
    else:
        assert given.weights is not None
        own = {_name_of(key, class_names): float(weight) for key, weight in given.weights.items()}
        weights = {name: own.get(name, 1.0) for name in class_names}
    return ClassWeights(origin=given.origin, file=given.file, weights=weights)


def _name_of(key: str | int, class_names: Sequence[str]) -> str:
    """Return the class of that name, else of that number."""
    if str(key) in class_names:
        return str(key)
    if isinstance(key, int) and 0 <= key < len(class_names):
        return class_names[key]
    listed = ", ".join(map(short_name, class_names[:CLASSES_NAMED]))
    more = f" and {len(class_names) - CLASSES_NAMED} more" if len(class_names) > CLASSES_NAMED else ""
    raise ConfigError(
        f"class_weight names the class {short_name(str(key))}, which the data does not have."
        f"{near_names(str(key), class_names)} Its classes: {listed}{more}."
    )
