"""Working: how a layer makes its numbers, told so that a reader can follow one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tellapart.explain.record import LayerRun
from tellapart.explanation.opened.cells import Reading


@dataclass(frozen=True, slots=True)
class Shown:
    """Of which numbers of a layer's output the working is carried."""

    rows: Sequence[int]
    columns: Sequence[int]
    channels: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """Of one layer."""

    kind: str
    """What the page calls it: "weighted", "pooled", ..."""

    says: str
    """In a sentence or two."""

    readings: tuple[Reading, ...] = ()
    per_channel: int = 0
    """Numbers that one channel of the output needs besides what it reads: a kernel."""

    details: Callable[[Shown], dict[str, Any]] = field(default=lambda _: {})
    """What else the page needs, packed, for what is shown."""


Opener = Callable[[LayerRun], Working | None]
"""A layer's run -> its working; None where the layer is set so that this one would be untrue."""
