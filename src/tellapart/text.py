"""Text: figures and names as people read them, on pages and in the terminal."""

from __future__ import annotations

import re


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 as a percentage; never rounded up to 100%, nor down to 0%."""
    if share is None:
        return "–"
    text = f"{100 * share:.{digits}f}%"
    if share < 1 and text == f"{100:.{digits}f}%":
        return f"> {100 - 10**-digits:.{digits}f}%"
    if share > 0 and text == f"{0:.{digits}f}%":
        return f"< {10**-digits:.{digits}f}%"
    return text


def printable(name: str) -> str:
    """Return a file's name in valid UTF-8: bytes of another encoding become the replacement character."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def counted(count: int, what: str) -> str:
    """Return a number with its noun: 1 picture, 1,234 pictures."""
    return f"{count:,} {what}{'s' * (count != 1)}"


_NUMBER = re.compile(r"(\d+)")


def natural_key(text: str) -> tuple[object, ...]:
    """Return a sorting key: runs of digits compare as numbers, letters without case; the text itself breaks ties."""
    parts = _NUMBER.split(text)
    # Odd parts are numbers, even parts words, so each place compares numbers with numbers.
    return (
        tuple(
            int(part) if place % 2 and part.isascii() else part.casefold() for place, part in enumerate(parts)
        ),
        text,
    )
