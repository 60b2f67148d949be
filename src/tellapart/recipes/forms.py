"""Forms: a setting as people write it, as a name, a number or a dict, made into the value that a configuration holds.

Everything here takes its final form too, so it can be applied twice.
"""

import dataclasses
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any, Final, NamedTuple

from tellapart.errors import ConfigError
from tellapart.paths import near_names
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings, refuse_unread

Optimizer = OptimizerSettings | MuonSettings

LARGEST_SIDE = 99_999
"""Pixels of an input's side; larger ones are slips of the hand."""


def size_from(given: Any) -> tuple[int, int]:
    """Return an input size as (height, width).

    Args:
        given: a side in pixels, 64 or "64"; "48x64", height first; or a pair (48, 64).

    Raises:
        ConfigError: anything else.
    """
    sides: tuple[Any, ...] = ()
    if isinstance(given, str):
        match = re.fullmatch(r"([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?", given.strip().lower(), re.ASCII)
        sides = () if match is None else (int(match[1]), int(match[2] or match[1]))
    elif isinstance(given, Integral) and not isinstance(given, bool):
        sides = (given, given)
    elif isinstance(given, tuple | list) and len(given) == 2:
        sides = tuple(given)
    if not sides or not all(
        isinstance(side, Integral) and not isinstance(side, bool) and 0 < int(side) <= LARGEST_SIDE
        for side in sides
    ):
        raise ConfigError(
            f"size is a side or height x width in pixels, such as 48, 48x64 or (48, 64); got {str(given)[:40]!r}."
        )
    return int(sides[0]), int(sides[1])


class Freeze(NamedTuple):
    """Which part of a backbone stays as it is."""

    fine_tune: str
    """Whether any of it is trained: on or off."""

    stages: int | None = None
    """Stages that are trained, from the top; None: all."""


_ALL_BUT = re.compile(r"all-but-([1-9]\d{0,3})", re.ASCII)


def freeze_from(given: Any) -> Freeze:
    """Return which part of a backbone stays as it is.

    Args:
        given: "all": only a head is fitted to its features. "none": all of it is trained. "all-but-2": its two topmost
            stages are trained.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(given, Freeze):
        return given
    text = given.strip().lower() if isinstance(given, str) else ""
    if text == "all":
        return Freeze("off")
    if text == "none":
        return Freeze("on")
    if match := _ALL_BUT.fullmatch(text):
        return Freeze("on", int(match[1]))
    raise ConfigError(
        "freeze says which part of the pretrained network stays as it is: all, none, or all-but-N to train its N "
        f"topmost stages, such as all-but-2; got {str(given)[:40]!r}."
    )


class Kind(NamedTuple):
    """An optimizer by the name that people give it."""

    name: str
    """That of its settings."""

    rate: float
    """Learning rate where none is given, for a network from scratch."""

    tuning_rate: float
    """The same for fine-tuning."""

    fields: Mapping[str, float]
    """Other settings that differ from their defaults."""


OPTIMIZERS: Final[Mapping[str, Kind]] = {
    "sgd": Kind("SGD", 0.05, 0.01, {"momentum": 0.9}),
    "adam": Kind("Adam", 1e-3, 5e-4, {}),
    "adamw": Kind("Adam", 1e-3, 5e-4, {"weight_decay": 0.004}),
    "rmsprop": Kind("RMSprop", 1e-3, 1e-4, {}),
    "muon": Kind("Muon", 0.2, 0.2, {}),
}
"""Name, in small letters -> an optimizer. The rates are customary ones, where no recipe has measured better; 0.004 is
the weight decay of Keras's AdamW."""

WARMUP = 0.1
"""Share of the steps that warm up where a recipe's own optimizer has no schedule to be kept."""


def optimizer_from(given: Any, own: Optimizer, *, tunes: bool = False) -> Optimizer:
    """Return an optimizer's settings from what somebody gave.

    Args:
        given: a name (sgd, adam, adamw, rmsprop or muon); a dict of settings, with or without a name; or settings.
        own: the recipe's. Its settings stay where the name is its own; else only its schedule does.
        tunes: whether it is that of fine-tuning.

    Raises:
        ConfigError: another type, an unknown name or setting, one out of range, or Muon where the recipe has none.
    """
    if isinstance(given, OptimizerSettings | MuonSettings):
        return given
    fields = {"name": given} if isinstance(given, str) else given
    if not isinstance(fields, Mapping):
        raise ConfigError(
            f"optimizer is a name ({', '.join(OPTIMIZERS)}) or a dict such as "
            f'{{"name": "adam", "learning_rate": 0.001}}; got {str(given)[:60]!r}.'
        )
    fields = dict(fields)
    settings = own if "name" not in fields else _named(fields.pop("name"), own, tunes)
    known = [field.name for field in dataclasses.fields(settings)]
    if unknown := [str(name) for name in fields if name not in known]:
        raise ConfigError(
            f"The optimizer {settings.name} has no setting {', '.join(unknown)}.{near_names(unknown[0], known)} "
            f"It has: {', '.join(known)}."
        )
    settings = dataclasses.replace(settings, **fields)
    refuse_unread(settings, fields)
    return settings


def _named(name: Any, own: Optimizer, tunes: bool) -> Optimizer:
    """Return the settings of the optimizer of that name."""
    kind = OPTIMIZERS.get(name.strip().lower()) if isinstance(name, str) else None
    if kind is None:
        near = near_names(name, OPTIMIZERS) if isinstance(name, str) else ""
        raise ConfigError(
            f"optimizer is one of {', '.join(OPTIMIZERS)}; got {str(name)[:40]!r}.{near} For others, train a Keras "
            "model of your own, compiled with them."
        )
    if kind.name == own.name:
        changed = {field: value for field, value in kind.fields.items() if not getattr(own, field)}
        return dataclasses.replace(own, **changed)  # type: ignore[arg-type]
    if kind.name == "Muon":
        raise ConfigError(
            "Muon is the optimizer of fast, accurate and photos-from-scratch alone, whose networks suit it. Choose "
            f"{', '.join(each for each in OPTIMIZERS if each != 'muon')}."
        )
    schedule: dict[str, Any] = {"schedule": "cosine", "warmup_fraction": WARMUP}
    if isinstance(own, OptimizerSettings):
        schedule = {name: getattr(own, name) for name in ("schedule", "decay", "warmup_fraction")}
    rate = kind.tuning_rate if tunes else kind.rate
    return OptimizerSettings(name=kind.name, learning_rate=rate, **schedule, **kind.fields)  # type: ignore[arg-type]
