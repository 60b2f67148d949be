"""Label pattern: a regular expression whose group `label`, or its first, is the class in a path."""

from __future__ import annotations

import re

from tellapart.errors import ConfigError


def compiled_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern that somebody gave, compiled.

    Raises:
        ConfigError: it is no regular expression, or has no group.
    """
    try:
        expression = re.compile(pattern)
    except re.error as reason:
        raise ConfigError(f"--label-pattern {pattern}: not a valid regular expression ({reason}).") from None
    if not expression.groups:
        raise ConfigError(
            f"--label-pattern {pattern}: it has no group for the class. Put parentheses around the class, as in "
            "'(?P<label>[a-z]+)_[0-9]+'."
        )
    return expression


def group_of_label(expression: re.Pattern[str]) -> str | int:
    """Return the group that is the class."""
    return "label" if "label" in expression.groupindex else 1
