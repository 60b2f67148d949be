"""The order a person expects: `2` before `10`, `a` beside `A`."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+)")


def natural_key(text: str) -> tuple[object, ...]:
    """Sorting key: runs of digits compare as numbers, letters without case; the text itself settles ties."""
    parts = _NUMBER.split(text)
    # Odd parts are numbers, even parts words: equal places always compare like with like.
    return (
        tuple(
            int(part) if place % 2 and part.isascii() else part.casefold() for place, part in enumerate(parts)
        ),
        text,
    )
