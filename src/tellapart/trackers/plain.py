"""Settings as trackers take them: one level of names, values that are numbers or short texts."""

from collections.abc import Mapping
from typing import Any

LONGEST_VALUE = 500
"""Characters that every tracker takes as a value."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """Return nested settings on one level: `optimizer.learning_rate` for the learning rate of the optimizer."""
    result: dict[str, str | int | float | bool] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[prefix + name] = value if isinstance(value, int | float) else _short(str(value))
    return result


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
