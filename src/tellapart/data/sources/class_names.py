"""Class names: a file that says what labels are called, and names that look like slips.

Any source's labels can be numbers or codes (`3`, `n02123045`); the file gives each a name.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.data.dataset import Dataset
from tellapart.data.sources.tables.text import BEGINNING, encoding_of
from tellapart.errors import DataError
from tellapart.paths import with_home
from tellapart.untrusted.regular_file import read_regular

LARGEST_FILE, LARGEST_LITERAL = 20_000_000, 1_000_000
"""Bytes of a file of class names, and of one that is a Python literal, whose syntax tree takes a hundred times as
many. ImageNet's has 30,000."""

_FORMS = (
    "Accepted: one name a line, for labels 0, 1, 2, ...; lines of a label and a name, such as 3 cat or n02123045 tabby"
    '; JSON such as ["cat", "dog"] or {"0": "cat"}; YAML with names.'
)
_NUMBERED_LINE = re.compile(r"(?P<label>\d+)\s*[:,;=\t ]\s*(?P<name>.+)")
_CODED_LINE = re.compile(r"(?P<label>[A-Za-z]{1,3}\d{4,})\s*[:,;=\t ]\s*(?P<name>.+)")
"""A code such as WordNet's n02123045."""

_NUMBER_LAST = re.compile(r"(?P<name>.*[^:,;=\t ])[:,;=\t ]+(?P<label>\d+)")
"""Caffe's order, and that of `class_indices` written as a table."""

_HEADING = re.compile(r"\w+ ?[,;\t] ?\w+")
"""The first line of such a table: index,class."""

_KEYS = ("names", "labels", "classes", "class_names")
"""Under one of these stands the list in JSON that says more, as Teachable Machine's metadata.json."""

_YAML_NAMES = re.compile(r"^names[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_YAML_ITEM = re.compile(r"\s*(?:-\s+|['\"]?([\w.]+)['\"]?\s*:\s+)(.*)")


def with_class_names(dataset: Dataset, file: str | os.PathLike[str] | None) -> Dataset:
    """Return a data set whose classes are called what a file says; the very data set where there is none.

    Raises:
        DataError: the file cannot be read, or lacks a label.
    """
    if file is None:
        return dataset
    name_of = read_class_names(file)
    lacking = [name for name in dataset.class_names if name not in name_of]
    if lacking:
        raise DataError(_lacking(file, name_of, lacking, dataset.class_names))
    return dataset.replace(class_names=tuple(name_of[name] for name in dataset.class_names))


def read_class_names(file: str | os.PathLike[str]) -> dict[str, str]:
    """Return label -> name.

    Raises:
        DataError: it cannot be read, or is of another form.
    """
    path = with_home(file)
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as reason:
        raise DataError(f"{path}: class names cannot be read ({reason.strerror or reason}).") from reason
    try:
        text = content.decode(encoding_of(content[:BEGINNING]))
    except UnicodeDecodeError as reason:
        raise DataError(
            f"{path}: class names cannot be read: byte {reason.start} is not UTF-8. Save the file as UTF-8."
        ) from reason
    try:
        names = _names_in(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as reason:
        raise DataError(f"{path}: no class names ({reason}). {_FORMS}") from None
    if not names:
        raise DataError(f"{path}: no class names. {_FORMS}")
    return names


def _names_in(text: str) -> dict[str, str]:
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return _from_json(_literal(stripped))
    yaml = _YAML_NAMES.search(text)
    if yaml is not None:
        return _from_yaml(yaml[1].strip(), text[yaml.end() :])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for form in (_NUMBERED_LINE, _CODED_LINE, _NUMBER_LAST):
        if names := _labeled(lines, form):
            return names
    if all(line.startswith("- ") for line in lines):  # a list in YAML
        lines = [line[2:].strip().strip("'\"") for line in lines]
    if len(lines) == 1:
        lines = [name.strip() for name in lines[0].split(",")]
    return {str(number): line for number, line in enumerate(lines)}


def _labeled(lines: list[str], form: re.Pattern[str]) -> dict[str, str]:
    """Return label -> name where all lines are of a form; empty where they are names, such as "room 1", "room 2"."""
    if len(lines) > 2 and _HEADING.fullmatch(lines[0]) and not form.fullmatch(lines[0]):
        lines = lines[1:]
    matches = [match for line in lines if (match := form.fullmatch(line))]
    names = {match["label"]: match["name"].strip().strip("'\"") for match in matches}
    return names if len(names) == len(lines) and (len(set(names.values())) > 1 or len(names) == 1) else {}


def _literal(text: str) -> Any:
    """Return what JSON or a Python literal says; many lists of ImageNet's names are the latter."""
    try:
        return json.loads(text)
    except ValueError:
        if len(text) > LARGEST_LITERAL:
            raise
        return ast.literal_eval(text)


def _from_json(content: Any) -> dict[str, str]:
    if isinstance(content, Mapping):
        lists = (content[key] for key in _KEYS if isinstance(content.get(key), list | Mapping))
        content = next(lists, content)
    if isinstance(content, list):
        if not all(isinstance(name, str | int | float) for name in content):
            raise ValueError("a list of other things than names")
        return {str(number): str(name) for number, name in enumerate(content)}
    names: dict[str, str] = {}
    for label, name in content.items():
        if isinstance(name, list) and len(name) == 2:  # Keras's index: "0": ["n01440764", "tench"]
            names |= {str(label): str(name[1]), str(name[0]): str(name[1])}
        elif isinstance(name, int):  # {"cat": 0}
            names[str(name)] = str(label)
        elif isinstance(name, str):
            names[str(label)] = name
        else:
            raise ValueError(f"{label!r} has no name")
    return names


def _from_yaml(same_line: str, below: str) -> dict[str, str]:
    if same_line.startswith(("[", "{")):
        inner = same_line.strip("[]{}").split(",")
        pairs = [
            part.partition(":") if same_line.startswith("{") else ("", "", part)
            for part in inner
            if part.strip()
        ]
        return {
            (key.strip().strip("'\"") or str(number)): name.strip().strip("'\"")
            for number, (key, _, name) in enumerate(pairs)
        }
    names: dict[str, str] = {}
    for line in below.splitlines():
        match = _YAML_ITEM.fullmatch(line.split(" #")[0].rstrip())
        if match is None or not line.startswith((" ", "-", "\t")):
            if line.strip() and not line.strip().startswith("#"):
                break
            continue
        names[match[1] or str(len(names))] = match[2].strip().strip("'\"")
    return names


def _lacking(
    file: object, name_of: Mapping[str, str], lacking: Sequence[str], class_names: Sequence[str]
) -> str:
    shown = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    what = f"{file} has {len(name_of)} class names, but none for label{'s' * (len(lacking) > 1)} {shown}."
    if set(class_names) <= set(name_of.values()):
        return f"{what} The data's classes already have these names: leave out --names."
    numbers = [int(name) for name in class_names if name.isdecimal()]
    if (
        len(numbers) == len(class_names)
        and min(numbers) == 1
        and max(numbers) == len(name_of)
        and "0" in name_of
    ):
        return (
            f"{what} The labels start at 1, but lines without a number count from 0. Begin each line with its "
            "label, such as 1 cat."
        )
    return f"{what} Add the missing names, or correct the labels."


def doubtful_classes(class_names: Sequence[str]) -> list[str]:
    """Return a notice for classes that may be one and the same, or several at once: `Cat` and `cat`, `cat dog`."""
    by_spelling: dict[str, list[str]] = {}
    for name in class_names:
        plain = re.sub(r"[\W_]+", "", name).casefold()
        by_spelling.setdefault(name if not plain or plain.isdecimal() else plain, []).append(name)
    notices = [
        f"{' and '.join(repr(name) for name in names)} are different classes, and differ only in case, spaces or "
        "punctuation"
        for names in by_spelling.values()
        if len(names) > 1
    ]
    whole = set(class_names)
    for name in class_names:
        parts = re.split(r"\s*[,;|/&+]\s*|\s+", name.strip())
        if len(parts) > 1 and len(set(parts)) > 1 and set(parts) <= whole:
            notices.append(
                f"{name!r} is a class of its own, beside {' and '.join(map(repr, sorted(set(parts))))}: a picture "
                "has one class"
            )
    several = [name for name in class_names if "|" in name.strip("|") or ";" in name.strip(";")]
    if several and not any(repr(several[0]) in words for words in notices):
        notices.append(
            f"{several[0]!r} looks like several labels; it is a class of its own: a picture has one class"
        )
    return notices
