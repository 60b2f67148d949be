"""Working: how a layer makes its numbers, told so that a reader can follow one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.cells import Reading
from tellapart.explanations.recorder import LayerRun


@dataclass(frozen=True, slots=True)
class Shown:
    """Of which numbers of a layer's output the working is carried."""

    rows: Sequence[int]
    columns: Sequence[int]
    channels: Sequence[int]

    def of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What belongs to the shown numbers, of (H or 1, W or 1, C or 1) values; 1: the same for all."""
        wanted = (self.rows, self.columns, self.channels)
        chosen = [list(one) if size > 1 else [0] for one, size in zip(wanted, values.shape, strict=True)]
        return values[np.ix_(*chosen)]


@dataclass(frozen=True, slots=True, eq=False)
class LayerArithmetic:
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


Opener = Callable[[LayerRun], LayerArithmetic | None]
"""A layer's run -> its working; None where the layer is set so that this one would be untrue."""
