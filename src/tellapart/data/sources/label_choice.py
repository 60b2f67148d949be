"""Labels: what somebody said about where the labels are, and how to read them.

One value travels from the command line or a script to the source that reads them, and through run.toml back again.
Fields that are None are worked out from the data.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from tellapart.errors import ConfigError
from tellapart.pages.card import Readable
from tellapart.paths import real_path
from tellapart.text import described

SPLIT_BY_NONE = "none"
"""A split column that no file has: the rows are not divided by any."""


WORDS_OF_TYPES = {
    str: "a text",
    int: "a whole number",
    bool: "True or False",
    os.PathLike: "a path",
    NoneType: "None",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels(Readable):
    """Where the labels of images are."""

    file: Any = None
    """CSV, JSON Lines, JSON or Parquet file, one row an image; or, beside an array of images, their labels."""

    path_column: str | int | None = None
    """Column of the images' paths or names: its header, or its number from 1."""

    label_column: str | int | None = None
    """Column of the classes."""

    split_column: str | int | None = None
    """Column that says which rows are for training, validation and testing, in words such as train, val, test. None: it
    is recognized by its name; the text "none": no column does."""

    names: str | os.PathLike[str] | None = None
    """File of class names: a name a line, for labels 0, 1, 2, ...; lines of a label and its name, such as
    "n02123045 tabby"; JSON, ["cat", "dog"] or {"0": "cat"}; or YAML with `names`."""

    pattern: str | None = None
    """Regular expression, searched in each image's path; its group `label` (or the first) is the class."""

    class_depth: int | None = None
    """Of class folders: the class is the name of the folder so many levels below the root."""

    multi_label: bool | None = None
    """Whether a picture may have several labels, or none."""

    label_separator: str | None = None
    """What divides several labels in one cell: a sign such as |, or "space", "json" (each cell is a list) or "none"
    (each cell is one label)."""

    def __post_init__(self) -> None:
        self._check_types()
        if self.label_separator is not None and not self.multi_label:
            raise ConfigError(
                "A label separator divides several labels of a picture. Add --multi-label, or leave it out."
            )
        if self.class_depth is not None and self.class_depth < 1:
            raise ConfigError(f"class_depth is a number of levels from 1; got {self.class_depth}.")

    def _check_types(self) -> None:
        """Check all fields but `file`, which may be an array too.

        Raises:
            ConfigError: naming the field.
        """
        for name, hint in get_type_hints(Labels).items():
            value, kinds = getattr(self, name), tuple(get_origin(kind) or kind for kind in get_args(hint))
            is_other = not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
            if name != "file" and is_other:
                takes = " or ".join(WORDS_OF_TYPES[kind] for kind in kinds)
                raise ConfigError(f"{name} of the labels is {takes}; got {described(value)}.")

    @property
    def is_file(self) -> bool:
        """Whether `file` is a path."""
        return isinstance(self.file, str | os.PathLike)

    @property
    def is_given(self) -> bool:
        """Whether anything was said."""
        return any(getattr(self, field.name) is not None for field in dataclasses.fields(self))

    def beyond(self, options: Collection[str]) -> list[str]:
        """Return the command line's names of what was said and is not among some fields."""
        option_of = {"file": "--labels", "pattern": "--label-pattern"}
        return [
            option_of.get(field.name, f"--{field.name.replace('_', '-')}")
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not None and field.name not in (*options, "names")
        ]

    def reopening(self) -> dict[str, Any]:
        """Return what run.toml records of it; `labels_from` reads it. Paths are absolute."""
        values = {
            "labels": None if self.file is None else str(real_path(self.file)),
            "path_column": self.path_column,
            "label_column": self.label_column,
            "split_column": self.split_column,
            "names": None if self.names is None else str(real_path(self.names)),
            "label_pattern": self.pattern,
            "class_depth": self.class_depth,
            "multi_label": self.multi_label or None,
            "label_separator": self.label_separator,
        }
        return {name: value for name, value in values.items() if value is not None}


SEPARATOR_WORDS = ("space", "json", "none")
"""Separators with names. json: each cell is a list; none: each cell is one label."""

TABLE_OPTIONS = ("path_column", "label_column", "split_column", "pattern", "multi_label", "label_separator")
"""Fields that a file of labels uses."""

EVERY_OPTION = ("file", *TABLE_OPTIONS, "class_depth")
"""Fields that a source which refuses everything leaves to it."""

RECORDED = (
    "labels", "path_column", "label_column", "split_column", "names", "label_pattern", "class_depth", "multi_label",
    "label_separator",
)  # fmt: skip
"""Keys of what `Labels.reopening` returns; each is the name of an option too."""


def as_labels(labels: Any) -> Labels:
    """Return what a caller gave as labels, a path or an array among them, as Labels."""
    return labels if isinstance(labels, Labels) else Labels(file=labels)


def with_several(labels: Any) -> Labels:
    """Return labels as given, of which a picture may have several."""
    return dataclasses.replace(as_labels(labels), multi_label=True)


def labels_from(saved: Mapping[str, Any]) -> Labels | None:
    """Return the labels that run.toml records, or that options of the same names say; None where nothing is said."""
    file, path, label, split, names, pattern, depth, several, separator = map(saved.get, RECORDED)
    labels = Labels(
        file=file,
        path_column=path,
        label_column=label,
        split_column=split,
        names=names,
        pattern=pattern,
        class_depth=depth,
        multi_label=several,
        label_separator=separator,
    )
    return labels if labels.is_given else None
