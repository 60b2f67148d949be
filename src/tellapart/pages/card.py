"""Card: what an object says of itself, in one line and, in a notebook, as a small table with pictures.

A class that derives from `Readable` has both. What it says are plain values: `_parts` for the line, the most important
first, and a `Card` of blocks for the notebook; `card.html` writes them down. A class that says nothing itself is
described by its fields.

Colors and fonts are the notebook's own, so a card is readable wherever the text around it is; without its style sheet,
which some viewers remove, it is a heading with plain tables.

Knows nothing of tellapart's objects.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from tellapart.text import one_line, short_name

LONGEST_LINE = 200
"""Characters of an object's line."""

LARGEST_CARD = 100_000
"""Bytes of a card; a notebook keeps every one that it shows."""

MOST_ROWS = 20
"""Of a table; the others are counted."""

LONGEST_CELL = 100
"""Characters."""

_FIGURE = re.compile(r"[+\-−–]?[\d,]*(\.\d+)?(e[+-]\d+)?( ?[%s]| points)?")
"""A number with its unit, or a dash for none."""

MOST_CHARACTERS = 6_000
"""Of source text."""


@dataclass(frozen=True)
class Facts:
    """Names with their values, one below the other; None is left out."""

    kind: ClassVar[str] = "facts"
    rows: Iterable[tuple[str, Any]]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The rows as texts."""
        return [
            (name, cell(value))
            for name, value in self.rows
            if value is not None and not (isinstance(value, str) and not value)
        ]


@dataclass(frozen=True)
class Table:
    """Rows under headings, at most MOST_ROWS of them."""

    kind: ClassVar[str] = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    count: int | None = None
    """Of all rows, where `rows` has fewer; None: `rows` has all."""

    @property
    def cells(self) -> list[list[str]]:
        """The rows that are shown, as texts."""
        return [[cell(value) for value in row] for row in self.rows[:MOST_ROWS]]

    @property
    def are_figures(self) -> list[bool]:
        """Which columns hold figures alone, and are aligned to the right; the first names its rows."""
        columns = zip(*self.cells, strict=True)
        return [at > 0 and all(map(_FIGURE.fullmatch, column)) for at, column in enumerate(columns)]

    @property
    def left_out(self) -> int:
        """Rows that are not shown."""
        return (len(self.rows) if self.count is None else self.count) - min(len(self.rows), MOST_ROWS)


@dataclass(frozen=True)
class Bars:
    """Names with shares, each with a bar."""

    kind: ClassVar[str] = "bars"
    rows: Sequence[tuple[str, float]]
    """Name, and share from 0 to 1."""

    title: str = ""

    @property
    def cells(self) -> list[tuple[str, float]]:
        """The rows that are shown."""
        return [(cell(name), min(1.0, max(0.0, share))) for name, share in self.rows[:MOST_ROWS]]


@dataclass(frozen=True)
class Picture:
    """A small picture with its caption."""

    url: str
    """A data URL."""

    caption: str
    width: int
    """Pixels on the page."""

    over: str = ""
    """Data URL of another picture, of the same shape, that is laid over it."""

    is_pixels: bool = False
    """Whether it is enlarged with its pixels visible."""


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side."""

    kind: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]
    title: str = ""


@dataclass(frozen=True)
class Drawing:
    """A drawing as an SVG element."""

    kind: ClassVar[str] = "drawing"
    svg: str
    """Markup that this room made (`curves_svg`): it is not escaped."""


@dataclass(frozen=True)
class Words:
    """A sentence or two."""

    kind: ClassVar[str] = "words"
    text: str


@dataclass(frozen=True)
class Code:
    """Source text, at most MOST_CHARACTERS of it."""

    kind: ClassVar[str] = "code"
    text: str

    @property
    def shown(self) -> str:
        """The beginning."""
        cut = self.text[:MOST_CHARACTERS].rpartition("\n")[0]
        return self.text if len(self.text) <= MOST_CHARACTERS else f"{cut}\n..."


Block = Facts | Table | Bars | Pictures | Drawing | Words | Code


@dataclass(frozen=True)
class Card:
    """What a notebook shows of an object."""

    name: str
    """What it is: its class."""

    headline: str
    blocks: Sequence[Block] = ()

    def to_html(self) -> str:
        """Return at most LARGEST_CARD bytes of HTML; beyond, the pictures are left out, the largest blocks first."""
        from tellapart.pages.assemble import fill_in, style

        blocks = [block for block in self.blocks if not isinstance(block, Pictures) or block.pictures]
        while True:
            html = fill_in("card.html", card=self, blocks=blocks, style=style("card.css"))
            pictures = [block for block in blocks if isinstance(block, Pictures)]
            if len(html.encode()) <= LARGEST_CARD or not pictures:
                return html
            largest = max(
                pictures, key=lambda block: sum(len(one.url) + len(one.over) for one in block.pictures)
            )
            blocks[blocks.index(largest)] = Words("Pictures left out: they are too large for a notebook.")


class Readable:
    """An object with a line as its repr, and a card in notebooks."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in cls.__dict__:  # a dataclass would otherwise write one of its own
            cls.__repr__ = Readable.__repr__  # type: ignore[method-assign]

    def _parts(self) -> Iterable[str]:
        """Return what the line says, the most important first; nothing: what its fields say."""
        return ()

    def _card(self) -> Card:
        """Return what a notebook shows."""
        first = (inspect.getdoc(type(self)) or "").partition("\n")[0]
        return Card(type(self).__name__, ", ".join(self._parts()) or first, [Facts(_fields(self))])

    def __repr__(self) -> str:
        parts = list(self._parts())
        name = type(self).__name__
        return _line(f"<{name}: ", parts, ">") if parts else _line(f"{name}(", _as_arguments(self), ")")

    def _repr_html_(self) -> str:
        return self._card().to_html()


def _line(before: str, parts: Iterable[str], after: str) -> str:
    """Return as many of the parts as fit into a line, the last one perhaps cut."""
    text = before
    for index, part in enumerate(parts):
        separated = f", {one_line(part)}" if index else one_line(part)
        room = LONGEST_LINE - len(text) - len(after) - 1
        if len(separated) > room:
            return f"{text}{separated[: max(0, room)]}…{after}"
        text += separated
    return text + after


def _fields(thing: Any) -> list[tuple[str, Any]]:
    """Return the fields of a dataclass, or the public attributes of another object."""
    if dataclasses.is_dataclass(thing):
        return [(field.name, getattr(thing, field.name)) for field in dataclasses.fields(thing)]
    return [(name, value) for name, value in vars(thing).items() if not name.startswith("_")]


def _as_arguments(thing: Any) -> list[str]:
    """Return the fields that differ from their defaults, as arguments."""
    return [
        f"{name}={_argument(value)}" for name, value in _fields(thing) if not _is_default(thing, name, value)
    ]


def _is_default(thing: Any, name: str, value: Any) -> bool:
    if not dataclasses.is_dataclass(thing):
        return False
    (field,) = (field for field in dataclasses.fields(thing) if field.name == name)
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return type(value) is type(default) and not _is_array(value) and value == default


def _argument(value: Any) -> str:
    """Return a value as an argument in source text; something large in a few words."""
    plain = str | bytes | bool | int | float | None
    if isinstance(value, tuple) and len(value) <= 4 and all(isinstance(each, plain) for each in value):
        return short_name(repr(value))
    if isinstance(value, Enum) or not isinstance(value, plain):
        return cell(value)
    return short_name(repr(value)) if isinstance(value, str | bytes) else repr(value)


def cell(value: Any) -> str:
    """Return a value in a few words, for a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str | Path):
        return short_name(str(value), LONGEST_CELL)
    if _is_array(value):
        return f"array ({', '.join(map(str, value.shape))}) {value.dtype}"
    if isinstance(value, Readable):
        return short_name(repr(value), LONGEST_CELL)
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return _collection(value)


def _is_array(value: Any) -> bool:
    """Return whether a value is an array or a tensor."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _collection(value: Any) -> str:
    if isinstance(value, Mapping):
        listed = ", ".join(f"{key}: {cell(each)}" for key, each in list(value.items())[:6])
        return short_name(f"{listed}, …" if len(value) > 6 else listed, LONGEST_CELL) if value else "none"
    if isinstance(value, list | tuple | set | frozenset):
        if not value:
            return "none"
        listed = ", ".join(map(cell, list(value)[:6]))
        return short_name(f"{listed}, … ({len(value):,})" if len(value) > 6 else listed, LONGEST_CELL)
    return type(value).__name__
