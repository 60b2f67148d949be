"""Words: figures as people read them, on pages and in the terminal."""

from __future__ import annotations

import re


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1; one that is not all of it is never rounded up to 100%."""
    if share is None:
        return "–"
    text = f"{100 * share:.{digits}f}%"
    if share < 1 and text == f"{100:.{digits}f}%":
        return f"> {100 - 10**-digits:.{digits}f}%"
    return text


def printable(name: str) -> str:
    """A file's name as UTF-8 can write it: bytes of another encoding become the replacement character."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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
