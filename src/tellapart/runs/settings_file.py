"""run.toml: every resolved setting of a run, and what it must hold to be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.data.preprocess import Preprocessing
from tellapart.recipes.config import TrainConfig
from tellapart.runs.sealed_settings import damaged, read_sealed


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return what run.toml holds: under "run" a configuration that can be built, under "data" what the data is.

    Raises:
        ConfigError: there is no such file, it is damaged, or somebody changed it.
    """
    settings = read_sealed(path)
    try:
        _check(settings)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise damaged(path, reason) from reason
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
