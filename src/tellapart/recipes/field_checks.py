"""Fields of settings: checked against their declared types, and as plain values for TOML."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tellapart.errors import ConfigError

LARGEST_NUMBER = 2**53
"""Whole numbers are smaller: Python's have no end, and fit into no array."""


def check_types(settings: Any) -> None:
    """Check the fields of a settings object against their declared types.

    Raises:
        ConfigError: a field has another type, or is not one of its allowed values.
    """
    for name, declared in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(declared) is Literal:
            if value not in get_args(declared):
                raise ConfigError(f"{name} is {' or '.join(map(repr, get_args(declared)))}; got {value!r}.")
            continue
        kinds = [get_origin(kind) or kind for kind in (get_args(declared) or (declared,))]
        kinds = [tuple] if get_origin(declared) is tuple else kinds
        kinds += [int] if float in kinds else []
        if not isinstance(value, tuple(kinds)) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
            raise ConfigError(f"{name} is of type {names}; got {value!r}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{name} is a finite number; got {value!r}.")
        whole = [each for each in (value if isinstance(value, tuple) else (value,)) if type(each) is int]
        if name != "seed" and any(
            abs(each) >= LARGEST_NUMBER for each in whole
        ):  # which has a range of its own
            raise ConfigError(f"{name} is out of range: {value!r}.")


def for_toml(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as plain values, without those that are None; functions become their names."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return for_toml(value)
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if callable(value):
        return (
            f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        )
    return value
