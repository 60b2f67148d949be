"""Pictures that could not be read, and why; and notes on those that were read by an assumption, each kind told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tellapart.pages.card import Readable
from tellapart.text import counted, one_line, short_name


@dataclass(frozen=True, slots=True)
class UnreadableImage(Readable):
    """An image that could not be read or is too small, and why."""

    id: str
    reason: str

    def _parts(self) -> list[str]:
        return [self.reason]


@dataclass(frozen=True, slots=True)
class ReadingNote(Readable):
    """What was assumed to read one picture."""

    id: str
    note: str
    """The same words for all pictures of a kind."""


def in_words(notes: Iterable[ReadingNote]) -> list[str]:
    """Return a line for each kind: `12 pictures: 16-bit levels of which only 12 bits are used, ... (such as a.png)`."""
    kinds: dict[str, list[str]] = {}
    for note in notes:
        kinds.setdefault(note.note, []).append(note.id)
    return [
        one_line(f"{counted(len(ids), 'picture')}: {kind} ({_example(ids)})") for kind, ids in kinds.items()
    ]


def _example(ids: list[str]) -> str:
    return short_name(ids[0]) if len(ids) == 1 else f"such as {short_name(ids[0])}"
