"""Domain: the values that one setting may take in a search, read from a text such as 1e-4..1e-1:log."""

import math
import re
from dataclasses import dataclass
from typing import Any

from tellapart.errors import ConfigError
from tellapart.pages.card import Readable

Value = float | int | bool | str

DIGITS = 3
"""Significant ones of a value that is drawn: a command is to be read, and no training feels the fourth."""

LOG = "log"

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(x?)({_NUMBER})\.\.(x?)({_NUMBER})(?::(\w+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range(Readable):
    """All numbers from `low` to `high`."""

    low: float
    high: float
    log: bool = False
    """Whether factors count, and not differences."""

    whole: bool = False
    """Whether they are whole numbers."""

    @property
    def text(self) -> str:
        """The range as it is written."""
        return f"{number_text(self.low)}..{number_text(self.high)}{':log' if self.log else ''}"

    @property
    def ends(self) -> tuple[Value, ...]:
        """The outermost values."""
        return self.of(self.low), self.of(self.high)

    def of(self, drawn: Any) -> Value:
        """Return the value that is used for a number that was drawn: whole, or rounded to DIGITS."""
        return int(drawn) if self.whole else float(f"{drawn:.{DIGITS}g}")

    def holds(self, value: Any) -> bool:
        """Return whether the range holds a value."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high

    def place(self, value: Any) -> float:
        """Return where a value lies on an axis from `low`, 0, to `high`, 1; one outside at its end."""
        if not isinstance(value, int | float) or (self.log and value <= 0):
            return 0.0
        low, at, high = (math.log(each) if self.log else each for each in (self.low, value, self.high))
        return min(1.0, max(0.0, (at - low) / (high - low)))


@dataclass(frozen=True, slots=True)
class Options(Readable):
    """A few values."""

    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """The options as they are written."""
        return ",".join(map(value_text, self.values))

    @property
    def ends(self) -> tuple[Value, ...]:
        """All values."""
        return self.values

    def of(self, drawn: Any) -> Value:
        """Return the value that was drawn."""
        return drawn

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of them."""
        return value in self.values

    def place(self, value: Any) -> float:
        """Return where a value lies on an axis from the first, 0, to the last, 1."""
        return self.values.index(value) / (len(self.values) - 1) if value in self.values else 0.0


Domain = Range | Options


def domain_from(text: str, name: str, default: Any) -> Domain:
    """Return the values that a text means.

    Args:
        text: LOW..HIGH or LOW..HIGH:log; xLOW..xHIGH, multiples of the default; or options between commas.
        name: of the setting, for errors.
        default: the recipe's own value. A whole one makes a range of whole numbers.

    Raises:
        ConfigError: the text means none.
    """
    text = text.strip()
    if ".." in text:
        return _range(text, name, default)
    values = [part.strip() for part in text.split(",")]
    if len(values) < 2 or not all(values) or len(set(values)) < len(values):
        raise ConfigError(_unreadable(text, name))
    read = tuple(map(_value, values))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in read)
    return Options(read if numbers or all(isinstance(value, bool) for value in read) else tuple(values))


def _range(text: str, name: str, default: Any) -> Range:
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None or match[5] not in (None, LOG) or match[1] != match[3]:
        raise ConfigError(_unreadable(text, name))
    low, high = float(match[2]), float(match[4])
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if match[1]:
        if not is_number or not default > 0:
            raise ConfigError(
                f"The range of {name} is in multiples of the recipe's own value, which is "
                f"{value_text(default)}. Give plain numbers, such as 0.001..0.1:log."
            )
        low, high = low * default, high * default
    whole = isinstance(default, int) and is_number
    if whole and not match[1] and (low != int(low) or high != int(high)):
        raise ConfigError(
            f"{name} is a whole number: its range goes from one to another, such as 16..128; got {text}."
        )
    low, high = (math.ceil(low), math.floor(high)) if whole else (low, high)
    if not low < high:
        raise ConfigError(f"The range of {name} goes from a lower to a higher number; got {text}.")
    if match[5] and low <= 0:
        raise ConfigError(
            f"With :log, the range of {name} begins above 0; got {text}. Leave out :log, or the 0."
        )
    return Range(low, high, log=match[5] is not None, whole=whole)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _value(text: str) -> Value:
    """Return an option as a number or a truth value where it is one."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    number = _number(text)
    if number is None:
        return text
    return int(number) if re.fullmatch(r"[+-]?\d+", text) else number


def _unreadable(text: str, name: str) -> str:
    return (
        f"The space of {name} is a range such as 1e-4..1e-1:log or 0..0.2, or two or more different options such as "
        f"adam,sgd; got {text[:60]!r}. To leave {name} as it is, write {name}=none."
    )


def value_text(value: Any) -> str:
    """Return a setting's value as it is written on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else str(value)


def number_text(value: float) -> str:
    """Return a number as short as it can be."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"
