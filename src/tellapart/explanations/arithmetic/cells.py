"""Cells: every layer's output as places with channels, and which input values an output value reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.lowering.layout import to_keras

Pair = tuple[int, int]


def pair(steps: int | Sequence[int]) -> Pair:
    """Return a layer's sizes or strides as (down, across); for a 1D layer, with 1 across."""
    if isinstance(steps, int):
        return (steps, steps)
    return (steps[0], steps[1]) if len(steps) == 2 else (steps[0], 1)


def cells(tensor: Tensor) -> NDArray[np.float32] | None:
    """Return a tensor of a batch of one as (height, width, channels); None where it is empty.

    Feature maps are that already. Tokens become rows of one place each; a row of units becomes one place, and so
    does a single number. Where there are more axes, all but the last two are folded into the rows.

    Args:
        tensor: in the engine's layout.
    """
    values = to_keras(tensor)[0].detach().float().cpu().numpy()
    if not values.size:
        return None
    if values.ndim >= 3:
        return values.reshape(-1, *values.shape[-2:])
    return values[:, None] if values.ndim == 2 else values.reshape(1, 1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The window over an input that each place of the output reads."""

    source: Tensor
    """The input, in the engine's layout."""

    size: Pair = (1, 1)
    strides: Pair = (1, 1)
    """0 where all places read the same row or column."""

    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    """Rows and columns of padding above and to the left."""

    apart: Pair = (1, 1)
    """Rows and columns of the output between neighbors of the input, where a layer enlarges maps."""

    reads: int = 1
    """Input channels that an output channel reads."""

    start: Callable[[int], int] = lambda channel: channel
    """Output channel -> the first input channel that it reads."""

    def rows(self, row: int) -> list[int | None]:
        """Return the input rows that an output row reads; rows outside are padding, None is between two rows."""
        return self._along(0, row)

    def columns(self, column: int) -> list[int | None]:
        """Return the input columns that an output column reads, as `rows` does."""
        return self._along(1, column)

    def _along(self, axis: int, place: int) -> list[int | None]:
        first, step, apart = (
            place * self.strides[axis] - self.before[axis],
            self.dilation[axis],
            self.apart[axis],
        )
        positions = [first + i * step for i in range(self.size[axis])]
        return [position // apart if position % apart == 0 else None for position in positions]

    def windows(
        self, rows: Sequence[int], columns: Sequence[int], channels: Sequence[int]
    ) -> NDArray[np.float32]:
        """Return the input values that places of the output read, padding as 0.

        Args:
            rows: of the output.
            columns: of the output; each row with each column is a place.
            channels: of the output.

        Returns:
            (places, kh, kw, read): what one channel reads where all read the same, else of each channel in turn.
        """
        values = cells(self.source)
        assert values is not None
        starts = [self.start(channel) for channel in channels]
        if len(set(starts)) == 1:
            read = list(range(starts[0], starts[0] + self.reads))
        else:
            read = [start + i for start in starts for i in range(self.reads)]
        windows = [
            _window(values, self.rows(row), self.columns(column), read) for row in rows for column in columns
        ]
        return np.stack(windows)


def _window(
    values: NDArray[np.float32],
    rows: Sequence[int | None],
    columns: Sequence[int | None],
    channels: Sequence[int],
) -> NDArray[np.float32]:
    """Return the values at some rows, columns and channels; 0 outside and at None."""
    height, width, _ = values.shape
    at_rows, at_columns = (
        np.array([-1 if place is None else place for place in axis]) for axis in (rows, columns)
    )
    inside = ((at_rows >= 0) & (at_rows < height))[:, None] & ((at_columns >= 0) & (at_columns < width))
    clipped = values[np.clip(at_rows, 0, height - 1)][:, np.clip(at_columns, 0, width - 1)][..., channels]
    return np.where(inside[..., None], clipped, np.float32(0))
