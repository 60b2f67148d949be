"""Which columns of a parquet file hold the images and their labels, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.data.sources.label_choice import Labels
from tellapart.data.sources.tables.boxes import are_box_columns, boxes_refused
from tellapart.data.sources.tables.roles import LABEL_NAMES, squashed
from tellapart.errors import DataError

IMAGE_NAMES = (
    "img",
    "image",
    "picture",
    "photo",
    "jpg",
    "png",
    "webp",
    "pixels",
    "imagebytes",
    "bytes",
    "content",
)
LABEL_FIRST = ("finelabel", "label", "labels")
"""Before the other names of labels: CIFAR-100 has coarse ones too."""


def image_and_label(path: Path, schema: Any, choice: Labels) -> tuple[str, str]:
    """Return the names of the columns of images and labels.

    Args:
        path: of the file, for errors.
        schema: of the file; its columns of images are binary, or structs of bytes and path.
        choice: what somebody said about columns.

    Raises:
        DataError: there is none, or several could be meant.
    """
    names = list(schema.names)
    holding = [name for name in names if holds_bytes(schema.field(name).type)]
    image = _chosen(path, choice.path_column, names, "--path-column") or _first(IMAGE_NAMES, holding)
    if image is None and len(holding) == 1:
        image = holding[0]
    rest = [name for name in names if name != image]
    label = _chosen(path, choice.label_column, names, "--label-column")
    if label is None and are_box_columns(rest):
        raise boxes_refused(path, "its columns")
    label = label or _first((*LABEL_FIRST, *LABEL_NAMES), rest)
    simple = [name for name in rest if _may_be_labels(schema.field(name).type)]
    if label is None and len(simple) == 1:
        label = simple[0]
    if image is None or label is None:
        raise DataError(
            f"{path}: columns {', '.join(names)}; expected {' or '.join(IMAGE_NAMES[:2])} and label. Choose "
            "with --path-column and --label-column."
        )
    return image, label


def _chosen(path: Path, choice: str | int | None, names: Sequence[str], option: str) -> str | None:
    if choice is None:
        return None
    if choice in names:
        return str(choice)
    if str(choice).isdecimal() and 1 <= int(choice) <= len(names):
        return names[int(choice) - 1]
    raise DataError(f"{path}: {option} {choice}: no such column. It has: {', '.join(names)}.")


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    words = {squashed(name): name for name in reversed(names)}
    return next((words[word] for word in wanted if word in words), None)


def holds_bytes(kind: Any) -> bool:
    """Return whether a column of this type holds encoded images: binary, or a struct with bytes."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return holds_bytes(kind.value_type)
    if types.is_struct(kind):
        return any(kind.field(place).name == "bytes" for place in range(kind.num_fields))
    return types.is_binary(kind) or types.is_large_binary(kind)


def _may_be_labels(kind: Any) -> bool:
    import pyarrow.types as types

    return (
        types.is_integer(kind) or types.is_string(kind) or types.is_dictionary(kind) or types.is_boolean(kind)
    )


def label_array(values: Sequence[Any], path: Path, column: str) -> np.ndarray:
    """Return labels as int64, or as text; None stays where a label is missing, in an array of objects.

    Raises:
        DataError: they are neither whole numbers nor text.
    """
    present = [value for value in values if value is not None]
    if all(isinstance(value, str) for value in present):
        kind: type = str
    elif all(
        isinstance(value, int) or (isinstance(value, float) and value.is_integer()) for value in present
    ):
        kind = int
    else:
        odd = next(value for value in present if not isinstance(value, int | str))
        raise DataError(
            f"{path}: column {column} holds {type(odd).__name__}, such as {str(odd)[:60]}; whole numbers or names are "
            "accepted. Choose another with --label-column."
        )
    return np.array([None if value is None else kind(value) for value in values], object)
