"""JSON Lines and JSON as tables: one object an image, columns, name -> label, or COCO's labels of whole images."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tellapart.data.sources.tables.boxes import boxes_refused, is_box_key
from tellapart.data.sources.tables.roles import LABEL_NAMES, PATH_NAMES, squashed
from tellapart.data.sources.tables.table import MOST_COLUMNS, MOST_ROWS, Table, refused_table
from tellapart.untrusted.regular_file import read_regular

LARGEST_JSON, LARGEST_LINES = 30_000_000, 200_000_000
"""Bytes of a JSON file, and of one whose lines are parsed one by one: parsed, it takes up to twenty times as many."""

_FORMS = (
    'one object an image, such as {"file_name": "0.jpg", "label": "cat"}; an object of columns; '
    '{"0.jpg": "cat", ...}; or {"cat": ["0.jpg", ...], ...}'
)


def read_json_lines(path: Path, content: bytes | None = None) -> Table:
    """Read a file of one JSON object a line.

    Args:
        path: of the file.
        content: of it, where it does not lie on the disk.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    numbered = enumerate(io.BytesIO(_bytes(path, content, LARGEST_LINES)), 1)
    objects = (
        (number, _parsed(path, _text(line), f"line {number}: ")) for number, line in numbered if line.strip()
    )
    return _of_objects(path, objects, "line")


def read_json(path: Path, content: bytes | None = None) -> Table:
    """Read a JSON file.

    Args:
        path: of the file.
        content: of it, where it does not lie on the disk.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    text = _text(_bytes(path, content, LARGEST_JSON))
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as reason:
        if "\n" in text.strip():  # JSON Lines are often called .json
            return read_json_lines(path, content)
        raise refused_table(path, f"not valid JSON: {reason}") from None
    if isinstance(parsed, Mapping) and {"images", "annotations"} <= parsed.keys():
        return _of_coco(path, parsed)
    if isinstance(parsed, Mapping):
        return _of_mapping(path, parsed)
    if not isinstance(parsed, list):
        raise refused_table(path, f"a JSON {type(parsed).__name__}", f" Accepted: {_FORMS}.")
    return _of_objects(path, enumerate(parsed, 1), "object")


def _bytes(path: Path, content: bytes | None, most: int) -> bytes:
    try:
        return read_regular(path, most) if content is None else content
    except OSError as reason:
        raise refused_table(path, reason.strerror or reason) from reason


def _text(content: bytes) -> str:
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _parsed(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise refused_table(path, f"{where}not valid JSON: {reason}") from None


def _of_objects(path: Path, objects: Iterable[tuple[int, Any]], word: str) -> Table:
    """Return a table of objects, each with its line or number."""
    place_of: dict[str, int] = {}
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, each in objects:
        if not isinstance(each, Mapping):
            raise refused_table(path, f"{word} {line} holds a {type(each).__name__}", f" Accepted: {_FORMS}.")
        if any(is_box_key(key) and value for key, value in each.items()):
            raise boxes_refused(path, f"{word} {line}")
        row = [""] * len(place_of)
        for name, value in each.items():
            place = place_of.setdefault(str(name), len(place_of))
            row += [""] * (place + 1 - len(row))
            row[place] = _cell(value)
        rows.append(row)
        lines.append(line)
        if len(place_of) > MOST_COLUMNS or len(rows) > MOST_ROWS:
            raise refused_table(path, f"more than {MOST_COLUMNS:,} different fields or {MOST_ROWS:,} {word}s")
    return Table(path, tuple(place_of), rows, lines, row_word=word)


def _of_mapping(path: Path, content: Mapping[str, Any]) -> Table:
    values = list(content.values())
    if _are_classes(content):
        pairs = [(str(name), str(label)) for label, names in content.items() for name in names]
        rows = [list(pair) for pair in pairs]
        return Table(path, ("file", "label"), rows, list(range(1, len(rows) + 1)), row_word="item")
    if values and all(isinstance(value, list) for value in values) and len(set(map(len, values))) == 1:
        rows = [[_cell(cell) for cell in row] for row in zip(*values, strict=True)]
        return Table(path, tuple(map(str, content)), rows, list(range(1, len(rows) + 1)), row_word="row")
    if any(isinstance(value, list | dict) for value in values) or not values:
        raise refused_table(path, "a JSON object of another form", f" Accepted: {_FORMS}.")
    rows = [[str(name), _cell(label)] for name, label in content.items()]
    return Table(path, ("file", "label"), rows, list(range(1, len(rows) + 1)), row_word="item")


def _are_classes(content: Mapping[str, Any]) -> bool:
    """Return whether it is class -> names of images, as Food-101 has it, and not column -> cells."""
    of_columns = {*PATH_NAMES, *LABEL_NAMES}
    return not any(squashed(str(name)) in of_columns for name in content) and all(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        for names in content.values()
    )


def _of_coco(path: Path, content: Mapping[str, Any]) -> Table:
    """Read COCO's form where it says one category of each image, and no box."""
    annotations = _objects(path, content["annotations"])
    if any(each.get("bbox") or each.get("segmentation") for each in annotations):
        raise boxes_refused(path, "its annotations")
    try:
        names = {each["id"]: str(each["name"]) for each in _objects(path, content.get("categories", []))}
        files = {each["id"]: str(each["file_name"]) for each in _objects(path, content["images"])}
        rows = [
            [files[each["image_id"]], names.get(each["category_id"], str(each["category_id"]))]
            for each in annotations
        ]
    except (KeyError, TypeError) as reason:
        raise refused_table(path, f"COCO's form, but {reason} is missing") from None
    labeled = {each["image_id"] for each in annotations}
    rows += [[name, ""] for identifier, name in files.items() if identifier not in labeled]
    return Table(path, ("file", "label"), rows, list(range(1, len(rows) + 1)), row_word="annotation")


def _objects(path: Path, values: Any) -> list[Mapping[str, Any]]:
    if not isinstance(values, Iterable) or not all(isinstance(each, Mapping) for each in values):
        raise refused_table(path, "COCO's form, but no lists of objects")
    return list(values)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(each, str | int) for each in value):
        return "|".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
