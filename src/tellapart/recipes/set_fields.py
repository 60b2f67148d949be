"""Set any field of a configuration by its name: `batch_size`, or dotted below it, `optimizer.momentum`.

Values come as Python values, or as text, which is read as the field's type asks.
"""

import dataclasses
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.paths import near_names
from tellapart.recipes.config import TrainConfig

Fields = Mapping[str, Any]
"""Dotted name -> value."""

NONE = "none"
WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}

BY_OPTIONS = {
    "recipe": "--recipe",
    "multi_label": "--multi-label",
    "augmentation": "--augment, or single settings such as augmentation.rotation_range=15",
    "augmentation.policies": "--augment, such as --augment trivial-augment-wide",
    "augmentation.preprocessing_function": "Python: tellapart.train(..., augmentation=Augmentation(...))",
    "head": "single settings such as head.folds=10",
    "fine_tuning": "single settings such as fine_tuning.epochs=10",
    "fine_tuning.augmentation": "--augment, or single settings such as fine_tuning.augmentation.rotation_range=15",
    "fine_tuning.augmentation.policies": "--augment, such as --augment trivial-augment-wide",
    "fine_tuning.optimizer": "--optimizer, or single settings such as fine_tuning.optimizer.epsilon=1e-5",
    "fine_tuning.optimizer.name": "--optimizer",
}
"""Fields that hold more than one value, or decide about others -> how they are set instead."""


def with_fields(config: TrainConfig, fields: Fields) -> TrainConfig:
    """Return a configuration with some of its fields replaced.

    Args:
        config: complete.
        fields: values, or texts of them.

    Raises:
        ConfigError: an unknown name, a value of another type or out of range, or a field of something that the recipe
            does not have.
    """
    return _replaced(config, fields, "") if fields else config


def field_names(settings: type = TrainConfig, before: str = "") -> list[str]:
    """Return the dotted names of every field that can be set by a text."""
    names = []
    for name, hint in typing.get_type_hints(settings).items():
        dotted = f"{before}{name}"
        kinds = [kind for kind in _kinds(hint) if dataclasses.is_dataclass(kind)]
        if dotted in ("class_weight", "optimizer"):
            names.append(dotted)
        if dotted == "class_weight":
            continue
        if kinds:
            names += [each for kind in kinds for each in field_names(kind, f"{dotted}.")]  # type: ignore[arg-type]
        elif dotted not in BY_OPTIONS:
            names.append(dotted)
    return list(dict.fromkeys(names))


def refuse_unknown_fields(fields: Fields) -> None:
    """Refuse names that no configuration has, and those that are set in another way.

    Raises:
        ConfigError: one of them.
    """
    known = field_names()
    for name in fields:
        if name in BY_OPTIONS:
            raise ConfigError(f"set cannot change {name}. Use {BY_OPTIONS[name]}.")
        if name not in known:
            below = [each for each in known if each.endswith(f".{name.rpartition('.')[2]}")]
            near = near_names(name, known) or (f" Did you mean {' or '.join(below[:3])}?" if below else "")
            raise ConfigError(
                f"A training has no setting {name[:60]!r}.{near} docs/settings.md lists all of them."
            )


def value_of(name: str, value: Any, hint: Any) -> Any:
    """Return the value of a field; a text is read as the field's type asks.

    Args:
        name: of the field, for errors.
        value: as given.
        hint: the field's type.

    Raises:
        ConfigError: a text that is no value of that type.
    """
    kinds = _kinds(hint)
    if not isinstance(value, str):
        return tuple(value) if isinstance(value, list) else value
    text = value.strip()
    if NoneType in kinds and text.lower() == NONE:
        return None
    for kind in sorted(kinds, key=lambda kind: kind is not int):  # a whole number may mean something else
        try:
            return _read(text, kind)
        except ValueError:
            continue
    raise ConfigError(f"{name} is {_in_words(kinds)}; got {value[:60]!r}.")


def _kinds(hint: Any) -> list[Any]:
    """Return the types that a hint allows."""
    return list(get_args(hint)) if get_origin(hint) in (Union, UnionType) else [hint]


def _read(text: str, kind: Any) -> Any:
    """Return a text as a type.

    Raises:
        ValueError: it is none.
    """
    if get_origin(kind) is Literal:
        of_text = {str(each): each for each in get_args(kind)}
        if text not in of_text:
            raise ValueError
        return of_text[text]
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        parts = text.lower().replace("x", ":").replace(",", ":").split(":")
        types = [inner[0]] * len(parts) if inner[-1] is Ellipsis else list(inner)
        if len(parts) != len(types):
            raise ValueError
        return tuple(_read(part.strip(), each) for part, each in zip(parts, types, strict=True))
    if kind is bool:
        if text.lower() not in WORDS:
            raise ValueError
        return WORDS[text.lower()]
    if kind is int:
        return int(text)
    if kind is float:
        above, slash, below = text.partition("/")
        if slash and not float(below):
            raise ValueError
        return float(above) / float(below) if slash else float(text)
    if kind is str:
        return text
    raise ValueError


def _in_words(kinds: list[Any]) -> str:
    """Return what a field takes, for people."""
    words = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            words.append(", ".join(map(str, get_args(kind))))
        elif get_origin(kind) is tuple:
            words.append("numbers separated by colons")
        else:
            words.append(
                {bool: "true or false", int: "a whole number", float: "a number", NoneType: NONE, str: "a text"}
                .get(kind, "several settings")
            )  # fmt: skip
    return " or ".join(dict.fromkeys(words))


def _replaced(settings: Any, fields: Fields, before: str) -> Any:
    """Return a settings object with fields replaced, at once, so that they are checked together."""
    hints = typing.get_type_hints(type(settings))
    own: dict[str, Any] = {}
    below: dict[str, dict[str, Any]] = {}
    for name, value in fields.items():
        first, _, rest = name.partition(".")
        if first not in hints:
            raise ConfigError(_has_no(settings, before, first))
        if rest:
            below.setdefault(first, {})[rest] = value
        else:
            own[first] = value_of(f"{before}{first}", value, hints[first])
    for name, inner in below.items():
        present = getattr(settings, name)
        if present is None and Augmentation in _kinds(hints[name]):
            present = Augmentation()
        if present is None:
            raise ConfigError(
                f"The recipe has no {before}{name}, so {', '.join(f'{before}{name}.{each}' for each in inner)} cannot "
                "be set: it trains from scratch. Use the recipe transfer."
            )
        own[name] = _replaced(present, inner, f"{before}{name}.")
    return dataclasses.replace(settings, **own)


def _has_no(settings: Any, before: str, name: str) -> str:
    kind = getattr(settings, "name", "")
    what = f"The optimizer {kind}" if kind else "It"
    known = [field.name for field in dataclasses.fields(settings)]
    return f"{what} has no setting {before}{name}.{near_names(name, known)} It has: {', '.join(known)}."
