"""LayerArithmetic: how a layer computes its output, so that a reader can follow one value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.arithmetic.cells import Reading
from tellapart.explanations.recorder import LayerRun


@dataclass(frozen=True, slots=True)
class Selection:
    """Values of a layer's output that a page shows the arithmetic of: every row with every column and channel."""

    rows: Sequence[int]
    columns: Sequence[int]
    channels: Sequence[int]

    def of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the selected part of (H or 1, W or 1, C or 1) values; 1: the same for all."""
        axes = zip((self.rows, self.columns, self.channels), values.shape, strict=True)
        return values[np.ix_(*(list(places) if size > 1 else [0] for places, size in axes))]


@dataclass(frozen=True, slots=True, eq=False)
class LayerArithmetic:
    """How one layer computes its output."""

    kind: str
    """What the page calls it: "weighted", "pooled", ..."""

    description: str
    """In a sentence or two, for the page."""

    readings: tuple[Reading, ...] = ()
    numbers_per_channel: int = 0
    """Numbers that one output channel needs besides what it reads: a kernel, for example."""

    details: Callable[[Selection], dict[str, Any]] = field(default=lambda _: {})
    """What else the page needs for a selection, packed."""


Rule = Callable[[LayerRun], LayerArithmetic | None]
"""A layer's run -> its arithmetic; None where the layer's settings make it something else."""
