"""Class names in the order of a network's outputs: given one by one, in a file, or by the folders of a training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.data.sources.class_names import read_class_names
from tellapart.errors import ConfigError, DataError
from tellapart.files import unreadable_is_bad_data
from tellapart.paths import with_home

ACCEPTED = (
    "Accepted: names separated by commas, such as cat,dog; a file with one name per line, lines such as 0 cat, or JSON "
    'such as ["cat", "dog"] or {"cat": 0}; or the folder of the training pictures, with a subfolder for each class.'
)


def class_list(given: Any) -> tuple[str, ...]:
    """Return class names in the order of the outputs.

    Args:
        given: names; or, as text, names with commas between them, the path of a file of names, or that of a folder
            whose subfolders have them, which are sorted as every loader of Keras sorts them: by character, so that
            "10" comes before "2" and "Zebra" before "ant".

    Raises:
        ConfigError: a name is empty or appears twice, or there are fewer than two.
        DataError: the file or folder cannot be read, or leaves out an output.
    """
    if isinstance(given, str | Path):
        names, where = _named(given)
    elif isinstance(given, Sequence) and all(isinstance(name, str) for name in given):
        names, where = tuple(given), "class_names"
    else:
        raise ConfigError(f"class_names is a list of names or a path; got {type(given).__name__}. {ACCEPTED}")
    return _checked(tuple(name.strip() for name in names), where)


def _named(given: str | Path) -> tuple[tuple[str, ...], str]:
    if not str(given).strip():
        raise ConfigError(f"--classes is empty. {ACCEPTED}")
    path = with_home(given)
    with unreadable_is_bad_data(path):
        if path.is_dir():
            folders = [
                entry.name for entry in path.iterdir() if entry.is_dir() and entry.name[0] not in ".@_"
            ]
            return keras_order(folders), str(path)
        if path.is_file():
            return in_output_order(path), str(path)
    if isinstance(given, Path) or "," not in given:
        raise ConfigError(f"{given}: no such file or folder of class names. {ACCEPTED}")
    return tuple(given.split(",")), "--classes"


def keras_order(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as every loader of Keras orders the folders of classes."""
    return tuple(sorted(names))


def in_output_order(path: Path) -> tuple[str, ...]:
    """Return the names in a file, by the numbers 0, 1, 2, ... of the outputs.

    Raises:
        DataError: it cannot be read, or a number is missing.
    """
    name_of = read_class_names(path)
    if "0" in name_of:  # Keras's own index of ImageNet also has WordNet's codes
        name_of = {label: name for label, name in name_of.items() if label.isdecimal()}
    names = tuple(name_of[str(number)] for number in range(len(name_of)) if str(number) in name_of)
    if len(names) < len(name_of):
        missing = next(number for number in range(len(name_of)) if str(number) not in name_of)
        raise DataError(
            f"{path}: {len(name_of)} class names, but none for output {missing}. Outputs are numbered 0, 1, 2, ... "
            f"{ACCEPTED}"
        )
    return names


def _checked(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if "" in names or twice or len(names) < 2:
        problem = (
            "a class name is empty"
            if "" in names
            else f"the class name {twice[0]} appears twice"
            if twice
            else f"{len(names)} class name{'s' * (len(names) != 1)}, and a classifier has at least two"
        )
        raise ConfigError(f"{where}: {problem}. {ACCEPTED}")
    return names
