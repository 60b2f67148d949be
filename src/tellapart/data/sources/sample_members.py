"""Sample members: which members of a tar file make up a sample, and which of them is the picture, which the label.

Source: https://github.com/webdataset/webdataset, "The WebDataset Format"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tellapart.data.sources.tables.roles import LABEL_NAMES, squashed
from tellapart.data.sources.walk import is_image_name
from tellapart.errors import DataError

LABEL_ENDINGS = ("cls", "label", "class", "cls.txt", "label.txt", "classname", "txt")
"""Endings of members that hold a label, in the order in which they are preferred; `json` before `txt`."""

LARGEST_LABEL = 1_000_000
"""Bytes of a member that holds a label."""


def sample_parts(name: str) -> tuple[str, str]:
    """Return the name of a member's sample, and its ending: all after the first dot."""
    folder, slash, base = name.rpartition("/")
    key, _, ending = base.partition(".")
    return folder + slash + key, ending.lower()


def image_among(members: Mapping[str, str]) -> str | None:
    """Return the member that is the picture.

    Args:
        members: ending -> name, of one sample.
    """
    return next((name for ending, name in members.items() if is_image_name(f"x.{ending}")), None)


def label_of(
    members: Mapping[str, str], content: Callable[[str], bytes], where: str, label_column: str | int | None
) -> str:
    """Return a sample's label; empty where it has none.

    Args:
        members: ending -> name.
        content: name -> bytes.
        where: the archive, for errors.
        label_column: the ending, or the field of the JSON, that somebody chose.

    Raises:
        DataError: it cannot be read.
    """
    wanted = None if label_column is None else str(label_column)
    if wanted is not None and wanted.lower() in members:
        return _text(members[wanted.lower()], content, where)
    for ending in LABEL_ENDINGS[:-1] if wanted is None else ():
        if ending in members:
            return _text(members[ending], content, where)
    if "json" in members:
        return _from_json(members["json"], content, where, wanted)
    return _text(members["txt"], content, where) if "txt" in members and wanted is None else ""


def _from_json(name: str, read: Callable[[str], bytes], where: str, wanted: str | None) -> str:
    text = _text(name, read, where)
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise DataError(f"{where}: {name} is no JSON ({reason}).") from None
    if isinstance(content, Mapping):
        words = {squashed(str(field)): value for field, value in content.items()}
        fields = [squashed(wanted)] if wanted is not None else ["cls", *LABEL_NAMES]
        content = next((words[field] for field in fields if field in words), None)
    is_label = isinstance(content, str | int) and not isinstance(content, bool)
    return str(content).strip() if is_label else ""


def _text(name: str, read: Callable[[str], bytes], where: str) -> str:
    content = read(name)
    if len(content) > LARGEST_LABEL:
        raise DataError(f"{where}: {name} has {len(content):,} bytes, more than a label.")
    return content.decode("utf-8", "replace").strip()
