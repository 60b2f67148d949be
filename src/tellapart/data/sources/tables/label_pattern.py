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


def label_in(expression: re.Pattern[str], path: str) -> str:
    """Return the class that a path holds; empty where the expression does not match, or its group is not in it."""
    match = expression.search(path)
    if match is None:
        return ""
    return (match["label" if "label" in expression.groupindex else 1] or "").strip()
