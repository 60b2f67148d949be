"""Space: the settings that a tuning searches, each with its domain and the recipe's own value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tellapart.api.configure import configured
from tellapart.errors import ConfigError
from tellapart.pages.card import Readable
from tellapart.paths import near_names
from tellapart.recipes.adapt import OF_FINE_TUNING, OF_OPTIMIZER
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.given import ALIASES, BESIDE_FIELDS
from tellapart.recipes.set_fields import NONE, field_names
from tellapart.recipes.spaces import SPACES
from tellapart.tuning.domain import Domain, Value, domain_from

KEYWORDS = (*(name for name in BESIDE_FIELDS if name != "set"), "augment")
"""Settings that are keywords of `train` and no fields of its configuration."""

FINE_TUNE = "fine_tune"

MISSING = object()
"""Stands for a setting that the recipe does not have."""


@dataclass(frozen=True, slots=True)
class Searched(Readable):
    """One setting of a space."""

    name: str
    domain: Domain
    default: Any
    """The recipe's own value; None also where it has none."""

    @property
    def has_default(self) -> bool:
        """Whether the recipe's own value is a point of the domain."""
        return self.domain.holds(self.default)


class Space(Readable, Sequence[Searched]):
    """Settings with their domains, in the order in which they are drawn."""

    def __init__(self, settings: Sequence[Searched]) -> None:
        self._settings = tuple(settings)

    def __getitem__(self, index: Any) -> Any:
        return self._settings[index]

    def __len__(self) -> int:
        return len(self._settings)

    def __iter__(self) -> Iterator[Searched]:
        return iter(self._settings)

    def _parts(self) -> list[str]:
        return [f"{each.name} {each.domain.text}" for each in self]

    @property
    def texts(self) -> dict[str, str]:
        """Each domain as it is written, by its setting's name."""
        return {each.name: each.domain.text for each in self}

    @property
    def defaults(self) -> dict[str, Any]:
        """The recipe's own values that are points of the space."""
        return {each.name: each.default for each in self if each.has_default}


def space_for(config: TrainConfig, given: Mapping[str, str], fixed: Sequence[str] = ()) -> Space:
    """Return the space of a recipe, with what somebody changed in it.

    Args:
        config: complete, of the untuned recipe.
        given: setting -> its domain as a text; "none" leaves the setting as it is.
        fixed: settings that somebody gave a value; they are not searched.

    Raises:
        ConfigError: an unknown setting, a text that is no domain, values that the recipe refuses, or nothing left.
    """
    given = {ALIASES.get(name, name).replace("-", "_"): text for name, text in given.items()}
    for name in given:
        _refuse_unknown(name)
    if both := [name for name in given if name in fixed and given[name] != NONE]:
        raise ConfigError(f"{both[0]} has a value of its own, and a space too. Give one of them.")
    own = {
        name: text for name, text in SPACES.get(config.recipe, {}).items() if _can_be_searched(config, name)
    }
    texts = {name: text for name, text in {**own, **given}.items() if name not in fixed and text != NONE}
    settings = []
    for name, text in texts.items():
        default = value_in(config, name)
        default = None if default is MISSING else default
        settings.append(Searched(name, domain_from(text, name, default), default))
    if not settings:
        raise ConfigError(
            f"There is nothing to search: the recipe {config.recipe} has no search space here. Give one, such as "
            "--space learning_rate=1e-4..1e-1:log."
        )
    space = Space(sorted(settings, key=lambda each: each.name != FINE_TUNE))
    _refuse_impossible(config, space)
    return space


def values_of(space: Space, draw: Any) -> dict[str, Value]:
    """Return a value for each setting that has one: those of fine-tuning have none where it is off.

    Args:
        space: of the tuning.
        draw: called with each `Searched`.
    """
    values: dict[str, Value] = {}
    for each in space:
        if values.get(FINE_TUNE) != "off" or not is_of_fine_tuning(each.name):
            values[each.name] = each.domain.of(draw(each))
    return values


def keywords_of(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return settings as keywords of `train`."""
    keywords: dict[str, Any] = {name: value for name, value in values.items() if name in KEYWORDS}
    fields = {name: value for name, value in values.items() if name not in KEYWORDS}
    return {**keywords, **({"set": fields} if fields else {})}


def is_of_fine_tuning(name: str) -> bool:
    """Return whether a transfer uses a setting in fine-tuning alone."""
    return name in OF_FINE_TUNING or name.startswith("fine_tuning.")


def value_in(config: TrainConfig, name: str) -> Any:
    """Return the value of a setting in a configuration; MISSING where it has none."""
    tunes = config.fine_tuning is not None and name in OF_FINE_TUNING
    part: Any = config.fine_tuning if tunes else config
    if name == "optimizer":
        return part.optimizer.name.lower()
    dotted = f"optimizer.{name}" if name in OF_OPTIMIZER else name
    for step in dotted.split("."):
        part = getattr(part, step, MISSING)
        if part is None or part is MISSING:
            return MISSING if step != dotted.rpartition(".")[2] else part
    return part


def _can_be_searched(config: TrainConfig, name: str) -> bool:
    """Return whether a setting of the recipe's own space is there; augmentation may be off, fine-tuning impossible."""
    if config.multi_label and (name == FINE_TUNE or is_of_fine_tuning(name)):
        return config.head is None
    if config.fine_tuning is not None and config.fine_tune == "off" and is_of_fine_tuning(name):
        return False
    return value_in(config, name) is not MISSING


def _refuse_unknown(name: str) -> None:
    known = [*field_names(), *KEYWORDS]
    if name not in known:
        raise ConfigError(
            f"A training has no setting {name[:60]!r} to search.{near_names(name, known)} docs/settings.md lists all "
            "of them."
        )


def _refuse_impossible(config: TrainConfig, space: Space) -> None:
    """Refuse domains of which the recipe refuses a value, before anything is trained.

    Raises:
        ConfigError: naming the setting.
    """
    for each in space:
        on = {FINE_TUNE: "on"} if config.fine_tuning is not None and is_of_fine_tuning(each.name) else {}
        for value in each.domain.ends:
            keywords = keywords_of({**on, each.name: value})
            augment = keywords.pop("augment", True)
            try:
                configured(config, True, augment, None, keywords, 1)
            except ConfigError as reason:
                raise ConfigError(
                    f"The space of {each.name} has {value}, which is refused: {reason}"
                ) from reason
