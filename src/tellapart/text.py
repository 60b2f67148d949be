"""Text: figures and names as people read them, on pages and in the terminal, and names as CSV files hold them.

Names of files and classes come from strangers. Inside they are as Python has them: bytes that are not UTF-8 are
lone surrogates (PEP 383). This file decides how they leave:

    a terminal      `printable`, `one_line`: what a terminal would obey is escaped; `short_name`: and in few columns
    a page          `on_page`: as in a terminal, but of any language's spaces and joiners
    a CSV file      `csv_line`, read back by `name_in_cell`: a cell that a spreadsheet would run gets an apostrophe
    bytes           `as_bytes`: the bytes that the file system has
    a file's name   `file_name`: letters and digits of it, not too many

JSON escapes all that is not ASCII, and reads it back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST_PART = 200
"""Bytes of a name that become part of a file's name; systems grant 255 for the whole."""


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


def printable(text: str) -> str:
    """Escape what a terminal would obey, such as control characters and reversals of direction, but not line breaks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" or _is_space(c) else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """Escape what a terminal would obey, and line breaks."""
    return printable(text).replace("\n", "\\n")


_HARMFUL_ON_PAGES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def on_page(text: str) -> str:
    """Escape what is no text, and what would reverse the text around it."""
    if text.isprintable():
        return text
    return _HARMFUL_ON_PAGES.sub(lambda match: _escaped(match[0]), text)


def _is_space(character: str) -> bool:
    return unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    """Return a byte that is not UTF-8 as \\xff, any other character as Python's source spells it."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def as_bytes(text: str) -> bytes:
    """Return UTF-8, with names as the file system has them."""
    return text.encode("utf-8", "surrogateescape")


def storable(name: str) -> str:
    """Return a name that every file can hold: half a character, of no file system's making, is replaced."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", name)


LONGEST_SHOWN = 60
"""Characters of a name in a sentence."""


def short_name(name: str, longest: int = LONGEST_SHOWN) -> str:
    """Return a name harmless in a line; of a long one the beginning and the end, which tell files apart.

    Args:
        name: of a file or a class.
        longest: characters that it may have, 4 or more.
    """
    name, half = one_line(name), longest // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-(longest - half - 1) :]}"


def few_names(names: Sequence[str], noun: str, most: int = 5) -> str:
    """Return how many names there are, and the first of them: 10 classes (airplane, automobile, ...).

    Args:
        names: of files or classes.
        noun: what they are, in the plural.
        most: names that are listed.
    """
    listed = ", ".join(short_name(name, 24) for name in names[:most])
    return f"{len(names):,} {noun} ({listed}{', ...' * (len(names) > most)})"


def described(value: Any, *, with_kind: bool = True) -> str:
    """Return what a value is, in a few words, for an error that was given the wrong thing.

    Args:
        value: anything.
        with_kind: whether to say that a text is one.
    """
    if value is None:
        return "None"
    kind = type(value)
    if isinstance(value, str | int | float):
        told = short_name(repr(value))
        return told if isinstance(value, str) and not with_kind else f"{told} ({kind.__name__})"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        owner = kind.__module__.partition(".")[0]
        return f"a {owner} {kind.__name__}, {value.dtype} {tuple(value.shape)}"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return f"a {kind.__name__} of {len(value):,}"
    owner = kind.__module__.partition(".")[0]
    whose = {"keras": " of Keras", "builtins": ""}.get(owner, f" of {owner}")
    article = "an" if kind.__name__[0] in "AEIOUaeiou" else "a"
    return f"{article} {kind.__name__}{whose}"


def file_name(name: str) -> str:
    """Return the letters and digits of a name, other runs as a hyphen, as part of a file's name."""
    return shortened(re.sub(r"[^\w.]+", "-", name).strip("-.") or "unnamed")


def shortened(name: str) -> str:
    """Return a name, or as much of its beginning as a file system takes as part of a file's name."""
    whole = as_bytes(name)
    return name if len(whole) <= LONGEST_PART else whole[:LONGEST_PART].decode("utf-8", "ignore")


_RUN_BY_SPREADSHEETS = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


def csv_line(values: Iterable[Any]) -> str:
    """Return a line of a CSV file; None is an empty cell."""
    return ",".join(map(_cell, values)) + "\n"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and _RUN_BY_SPREADSHEETS.match(text) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    is_plain = not any(c in text for c in ',"\r\n') and text == text.strip()
    return text if is_plain else '"' + text.replace('"', '""') + '"'


def name_in_cell(cell: str) -> str:
    """Return what `csv_line` was given, without the apostrophe before what a spreadsheet would run."""
    return cell[1:] if cell.startswith("'") and _RUN_BY_SPREADSHEETS.match(cell) else cell


def counted(count: int, what: str) -> str:
    """Return a number with its noun: 1 picture, 1,234 pictures."""
    return f"{count:,} {what}{'s' * (count != 1)}"


_MOST_DIGITS = 1000
"""Of a number in a name that are compared; Python converts a few thousand."""

_NUMBER_IN_NAME = re.compile(r"(\d+)")


def natural_key(text: str) -> tuple[object, ...]:
    """Return a sorting key: runs of digits compare as numbers, letters without case; the text itself breaks ties."""
    parts = _NUMBER_IN_NAME.split(text)
    # Odd parts are numbers, even parts words, so each place compares numbers with numbers.
    return (
        tuple(int(part[:_MOST_DIGITS]) if place % 2 else part.casefold() for place, part in enumerate(parts)),
        text,
    )


def packed_natural_key(text: str) -> str:
    """Return a sorting key that orders as `natural_key` does, in a fifth of the memory: for names by the million.

    Args:
        text: without zero bytes, as names of files are.
    """
    parts = _NUMBER_IN_NAME.split(text)
    # A word ends in a zero, which sorts before all else; a number begins with the count of its digits.
    packed = [
        _packed_number(part) if place % 2 else f"{part.casefold()}\0" for place, part in enumerate(parts)
    ]
    return "".join([*packed, "\0", text])


def _packed_number(digits: str) -> str:
    number = str(int(digits[:_MOST_DIGITS]))
    return f"{chr(len(number))}{number}"


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", re.IGNORECASE | re.ASCII)


def amount_of_bytes(text: str) -> int | None:
    """Return the bytes that a text such as 1GiB, 500 MB or 2g means; None where it means none."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        return None
    units = _BINARY_UNITS if match[3] else _UNITS
    return int(float(match[1]) * units[match[2].upper()])
