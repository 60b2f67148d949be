"""Findings: what a check can find, what each does to a result, and what to do about it.

`KINDS` is the one table of them. A finding holds rows of the album in groups: one picture each, or pictures that belong
together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tellapart.pages.card import Readable

Severity = Literal["serious", "look", "note"]


@dataclass(frozen=True, slots=True)
class Kind(Readable):
    """An entry of KINDS."""

    title: str
    severity: Severity
    """serious: numbers are wrong or pictures are lost; look: a person should decide; note: worth knowing."""

    effect: str
    """What it does to a result."""

    advice: str
    """What to do about it."""


_FIX = "--fix writes a labels file without"

KINDS: dict[str, Kind] = {
    "leak": Kind(
        "Same picture in two splits",
        "serious",
        "The score is too high: the network has already seen these pictures.",
        f"Keep each in one split. {_FIX} the copies in the training split.",
    ),
    "near leak": Kind(
        "Nearly the same picture in two splits",
        "serious",
        "The score is too high: the network has seen these pictures resized, cropped, mirrored or saved again.",
        f"Compare them, and keep all versions of a picture in one split. {_FIX} the copies in the training split.",
    ),
    "conflicting labels": Kind(
        "Same picture, different labels",
        "serious",
        "One of the labels is wrong, and no network can learn both.",
        f"Correct the label, or remove the pictures. {_FIX} those with the very same pixels.",
    ),
    "unreadable": Kind(
        "Unreadable",
        "serious",
        "Training leaves them out.",
        f"Replace or remove the files. {_FIX} them.",
    ),
    "missing class": Kind(
        "Class without training pictures",
        "serious",
        "A network cannot learn a class that it never sees; training refuses this data.",
        "Move some of its pictures to the training split, or remove the class.",
    ),
    "single class": Kind(
        "One class only",
        "serious",
        "There is nothing to tell apart; training refuses this data.",
        "Add pictures of another class.",
    ),
    "no training pictures": Kind(
        "No training pictures",
        "serious",
        "There is nothing to learn from; training refuses this data.",
        "Add a training split.",
    ),
    "unscored class": Kind(
        "Class missing from a split",
        "look",
        "The score on that split says nothing about the class.",
        "Move some of its pictures there.",
    ),
    "wrong label": Kind(
        "Label that looks wrong",
        "look",
        "Wrong training labels lower the accuracy; wrong test labels falsify the score.",
        "Look at them, the most suspicious first, and correct those that are wrong.",
    ),
    "outlier": Kind(
        "Unlike all other pictures",
        "look",
        "A picture of none of the classes teaches nothing.",
        "Remove those that belong to no class.",
    ),
    "imbalance": Kind(
        "Imbalanced classes",
        "look",
        "A high accuracy may hide that rare classes are never predicted.",
        "Read the balanced accuracy and each class's recall, and add pictures of the rare classes.",
    ),
    "duplicate": Kind(
        "Same picture twice in one split",
        "look",
        "Copies count more than other pictures. If test pictures are held out from this split, some may be copies.",
        f"Keep one of each. {_FIX} the others.",
    ),
    "near duplicate": Kind(
        "Nearly the same picture in one split",
        "look",
        "If pictures are held out at random, near copies land in both splits, and the score is too high.",
        "Keep one of each, or split the data yourself.",
    ),
    "blank": Kind("Blank", "look", "They show nothing, so their label cannot be learned.", "Remove them."),
    "dark": Kind("Very dark", "look", "There is little to see.", "Brighten or remove them."),
    "bright": Kind("Overexposed", "look", "There is little to see.", "Replace or remove them."),
    "blurred": Kind("Blurred", "look", "Details are lost.", "Remove them, unless you expect such pictures."),
    "tiny": Kind(
        "Much smaller than the others",
        "look",
        "Enlarging blurs them, and a network may learn the blur.",
        "Replace them with larger ones, or remove them.",
    ),
    "modes": Kind(
        "Different kinds of pixels",
        "note",
        "All are converted to 8-bit RGB. If one class is gray and another in color, a network may learn only that.",
        "Check that every class has pictures of each kind.",
    ),
}
"""Name -> kind, in the order in which findings are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Readable):
    """Something is wrong with the data, or worth a look."""

    kind: str
    """A name in KINDS."""

    seen: str
    """What was found, with its figures: a clause without its full stop."""

    groups: tuple[tuple[int, ...], ...] = ()
    """Rows of the album: of one picture, or of pictures that belong together. Those that matter most come first."""

    notes: Mapping[int, str] = field(default_factory=dict)
    """Row -> what there is to say of this picture."""

    suggested: Mapping[int, str] = field(default_factory=dict)
    """Row -> the class that its label should perhaps be."""

    def _parts(self) -> list[str]:
        return [KINDS[self.kind].title, self.severity, self.seen]

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self.kind].severity

    @property
    def rows(self) -> tuple[int, ...]:
        """All pictures of it, in order."""
        return tuple(row for group in self.groups for row in group)

    def to_dict(self, ids: tuple[str, ...]) -> dict[str, Any]:
        """Return plain values, for JSON.

        Args:
            ids: of the album.
        """
        kind = KINDS[self.kind]
        return {
            "kind": self.kind,
            "title": kind.title,
            "severity": kind.severity,
            "seen": self.seen,
            "effect": kind.effect,
            "advice": kind.advice,
            "pictures": len(self.rows),
            "groups": [[ids[row] for row in group] for group in self.groups],
            "notes": {ids[row]: note for row, note in self.notes.items()},
            "suggested": {ids[row]: name for row, name in self.suggested.items()},
        }
