"""run.toml: every resolved setting of a run, under a line with its digest, so that damage is noticed before it is used.

Names of files and classes that are not UTF-8 are written as their own bytes, and read back as Python holds them.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError
from tellapart.files import write_text
from tellapart.recipes.config import TrainConfig
from tellapart.untrusted.regular_file import open_regular, read_regular

LARGEST_SETTINGS = 100_000_000
"""Bytes. The names of the pictures that were left out are in it."""

_SEAL = "# sha256 of the lines below: "


def write_settings_file(path: Path, settings: Mapping[str, Any]) -> None:
    """Write run.toml.

    Raises:
        SaveError: it could not be written.
    """
    import tomli_w

    text = tomli_w.dumps(settings)
    write_text(path, f"{_SEAL}{_digest(text)}\n{text}")


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return what run.toml holds: under "run" a configuration that can be built, under "data" what the data is.

    A file without a digest, as earlier versions wrote it, is read as it is.

    Raises:
        ConfigError: there is no such file, it is damaged, or somebody changed it.
    """
    try:
        content = read_regular(path, LARGEST_SETTINGS)
        text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    except FileNotFoundError as reason:
        raise ConfigError(f"{path.parent} is not a run folder: it has no {path.name}.") from reason
    except OSError as reason:
        raise ConfigError(f"{path} cannot be read ({reason.strerror or reason}).") from reason
    first, newline, rest = text.partition("\n")
    if first.startswith(_SEAL) and newline and first.removeprefix(_SEAL) != _digest(rest):
        raise ConfigError(
            f"{path} is not as it was written: the disk or a copy damaged it, or somebody changed it. Restore it, "
            "or use it as it is by deleting its first line."
        )
    try:
        settings = tomllib.loads(text)
        _check(settings)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise ConfigError(
            f"{path} is damaged ({_words(reason)}). Start the training again, in a new run folder."
        ) from reason
    return settings


_TABLES = {
    "": {"started": str, "run": dict, "data": dict, "versions": dict, "hardware": dict},
    "data": {
        "name": str,
        "where": str,
        "class_names": list,
        "pictures": dict,
        "left_out": dict,
        "fingerprints": dict,
        "preprocessing": dict,
    },
}
"""What the file and its table `data` hold at least, and of which type."""


def _check(settings: Mapping[str, Any]) -> None:
    """Raise if something is missing, or is something else.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is of another type.
        ConfigError: a setting is out of range.
    """
    for table, kinds in _TABLES.items():
        for name, kind in kinds.items():
            value = (settings[table] if table else settings)[name]
            if not isinstance(value, kind):
                raise TypeError(f"{name} is {value!r}")
    data = settings["data"]
    if not all(isinstance(each, str) for each in (*data["class_names"], *data["fingerprints"].values())):
        raise TypeError("a class name or a fingerprint is no text")
    if not all(type(count) is int and 0 <= count < 2**53 for count in data["pictures"].values()):
        raise TypeError("a count of pictures is no whole number")
    if set(data["fingerprints"]) != set(data["pictures"]):
        raise KeyError("a fingerprint")
    if not all(isinstance(data["left_out"][split], list) for split in data["pictures"]):
        raise TypeError("the pictures left out are no list")
    for name in (
        "argument",
        "labels",
        "names",
        "label_pattern",
        "precision",
        "split_sha256",
        "label_separator",
    ):
        if not isinstance(data.get(name, ""), str):
            raise TypeError(f"{name} is {data[name]!r}")
    for name in ("path_column", "label_column", "split_column"):
        if type(data.get(name, "")) not in (str, int):
            raise TypeError(f"{name} is {data[name]!r}")
    for name, usual in (("class_depth", 1), ("multi_label", True)):
        if type(data.get(name, usual)) is not type(usual):
            raise TypeError(f"{name} is {data[name]!r}")
    TrainConfig.from_dict(settings["run"])
    Preprocessing.from_dict(data["preprocessing"])


def _words(reason: Exception) -> str:
    return f"{reason} is missing" if isinstance(reason, KeyError) else str(reason)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return a file's sha256 (hexadecimal).

    Raises:
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
