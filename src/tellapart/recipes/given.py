"""The settings that somebody gave, in one form: what `train` takes as keywords, before any recipe reads them."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from tellapart.errors import ConfigError
from tellapart.paths import near_names
from tellapart.recipes.class_weights import class_weights_from
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.forms import freeze_from, size_from
from tellapart.recipes.set_fields import NONE, refuse_unknown_fields, value_of

BESIDE_FIELDS = ("learning_rate", "weight_decay", "freeze", "set")
"""Keywords that change fields below a configuration's own; see `recipes.adapt.changed`."""

ALIASES = {"lr": "learning_rate"}
"""Keyword -> the keyword that it stands for."""

OF_PARTS = ("augmentation", "head", "fine_tuning")
"""Fields of which a dict changes single settings of the recipe's own."""

SAME = {
    "learning_rate": ("optimizer.learning_rate", "fine_tuning.optimizer.learning_rate"),
    "weight_decay": ("optimizer.weight_decay", "fine_tuning.optimizer.weight_decay"),
    "optimizer": ("fine_tuning.optimizer", "fine_tuning.optimizer.name"),
    "epochs": ("fine_tuning.epochs",),
    "batch_size": ("fine_tuning.batch_size",),
    "label_smoothing": ("fine_tuning.label_smoothing",),
    "patience": ("fine_tuning.patience",),
    "freeze": ("fine_tuning.stages", "fine_tune"),
}
"""Keyword -> fields that it sets too, so that both are not given."""

PARTS = {
    "optimizer": ("optimizer.", "fine_tuning.optimizer."),
    "fine_tuning": ("fine_tuning.",),
    "head": ("head.",),
    "augmentation": ("augmentation.", "fine_tuning.augmentation."),
}
"""Keyword that holds several fields -> how `set` calls them."""

WITH_NONE = ("size", "class_weight")
"""Keywords of which the text "none" takes away what the recipe, or the run that is repeated, has."""

FORMS = {"size": size_from, "class_weight": class_weights_from, "freeze": freeze_from}
"""Keyword -> what reads all its forms. Those of `optimizer` depend on the recipe's own."""

KEYWORDS = (
    *(field.name for field in dataclasses.fields(TrainConfig) if field.name != "recipe"),
    *BESIDE_FIELDS,
)


def settings_from(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their own names, each in its final form; None is left out.

    Args:
        given: keywords of `train`: fields of the configuration, those of BESIDE_FIELDS, and aliases. `set` holds fields
            by their dotted names; those of the configuration itself become keywords.

    Raises:
        ConfigError: an unknown name, a value of another form, or one thing given twice.
    """
    settings: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            own = ALIASES.get(name, name)
            _enter(
                settings, own, value, f"{own} is given twice: {' and '.join(_names_of(own))} are the same."
            )
    if unknown := sorted(set(settings) - {*KEYWORDS, "recipe"}):
        raise ConfigError(
            f"A training has no setting {', '.join(unknown)}.{near_names(unknown[0], [*KEYWORDS, *ALIASES])} "
            f"It has: {', '.join(sorted(KEYWORDS))}."
        )
    fields = _fields(settings.pop("set", {}))
    _refuse_parts_twice(settings, fields)
    for name in OF_PARTS:
        if isinstance(settings.get(name), Mapping):
            for field, value in settings.pop(name).items():
                _enter(
                    fields, f"{name}.{field}", value, f"{name}.{field} is given twice: in {name} and in set."
                )
    refuse_unknown_fields(fields)
    below: dict[str, Any] = {}
    hints = typing.get_type_hints(TrainConfig)
    for name, value in fields.items():
        keyword = "optimizer" if name == "optimizer.name" else name
        value = None if keyword in WITH_NONE and _is_none(value) else value
        if keyword in hints and keyword not in FORMS and keyword != "optimizer":
            value = value_of(name, value, hints[keyword])
        if keyword not in hints or value is None:
            below[name] = value
        else:
            _enter(settings, keyword, value, f"{name} is given twice: by itself and in set.")
    for keyword, same in SAME.items():
        if keyword in settings and (twice := [name for name in same if name in below or name in settings]):
            raise ConfigError(f"{keyword} sets {twice[0]} too. Give one of them.")
    for name in WITH_NONE:
        if name in settings and _is_none(settings[name]):
            settings.pop(name)
            below[name] = None
    settings = {name: FORMS[name](value) if name in FORMS else value for name, value in settings.items()}
    return {**settings, **({"set": below} if below else {})}


def _names_of(keyword: str) -> list[str]:
    return [keyword, *(alias for alias, own in ALIASES.items() if own == keyword)]


def _enter(settings: dict[str, Any], name: str, value: Any, twice: str) -> None:
    if name in settings:
        raise ConfigError(f"{twice} Give it once.")
    settings[name] = value


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() == NONE


def _refuse_parts_twice(settings: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Refuse a part that is given as a whole, or with some of its fields, beside these fields.

    Args:
        settings: keywords.
        fields: those of `set`, by their dotted names.

    Raises:
        ConfigError: naming the field.
    """
    given = {field: field for field in fields}
    given |= {field: keyword for keyword in settings for field in SAME.get(keyword, ())}
    for part, prefixes in PARTS.items():
        whole = settings.get(part)
        if whole is None or isinstance(whole, str):
            continue
        for field, name in given.items():
            own = next((field.removeprefix(prefix) for prefix in prefixes if field.startswith(prefix)), None)
            is_in_whole = own is not None and (own in whole if isinstance(whole, Mapping) else True)
            if is_in_whole and name != part:
                raise ConfigError(f"{name} is given twice: by itself and in {part}. Give it once.")


def _fields(given: Any) -> dict[str, Any]:
    """Return what `set` holds.

    Args:
        given: a dict, or texts such as "optimizer.epsilon=1e-5".
    """
    if isinstance(given, Mapping):
        return {str(name).replace("-", "_"): value for name, value in given.items()}
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f'set is a dict such as {{"optimizer.epsilon": 1e-5}}; got {str(given)[:60]!r}.')
    fields: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not value.strip():
            raise ConfigError(f"set takes NAME=VALUE, such as optimizer.epsilon=1e-5; got {text[:60]!r}.")
        if name in fields:
            raise ConfigError(f"set has {name} twice. Give it once.")
        fields[name] = value.strip()
    return fields
