"""Cells: every layer's output as places with channels, and which numbers of an input an output's number reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.lowering.layout import to_keras

Pair = tuple[int, int]


def pair(steps: int | Sequence[int]) -> Pair:
    """A layer's sizes or strides as (down, across); of a sequence's layer, which has one, with 1 across."""
    if isinstance(steps, int):
        return (steps, steps)
    return (steps[0], steps[1]) if len(steps) == 2 else (steps[0], 1)


def cells(tensor: Tensor) -> NDArray[np.float32] | None:
    """A tensor of a batch of one as (height, width, channels).

    Feature maps are that already; a row of tokens is as high as it is long, and a row of units is one place. Where
    there are more axes, all but the last two are folded into the rows. A single number is one place with one channel.
    None where there are no numbers.

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
    """A window over an input, for each place of the output."""

    source: Tensor
    """The input, in the engine's layout."""

    size: Pair = (1, 1)
    strides: Pair = (1, 1)
    """0 where the input has one row or column for all."""

    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    """Rows and columns of padding above and to the left."""

    apart: Pair = (1, 1)
    """Rows and columns of the output from one of the input's to the next, where it makes maps larger."""

    reads: int = 1
    """Channels of the input that a channel of the output reads."""

    start: Callable[[int], int] = lambda channel: channel
    """Output channel -> the first channel that it reads."""

    def rows(self, row: int) -> list[int | None]:
        """Of the input, for an output's row; outside of it is padding, None is between two of its rows."""
        return self._along(0, row)

    def columns(self, column: int) -> list[int | None]:
        """Likewise."""
        return self._along(1, column)

    def _along(self, axis: int, place: int) -> list[int | None]:
        first, step, apart = (
            place * self.strides[axis] - self.before[axis],
            self.dilation[axis],
            self.apart[axis],
        )
        places = [first + i * step for i in range(self.size[axis])]
        return [one // apart if one % apart == 0 else None for one in places]

    def windows(
        self, rows: Sequence[int], columns: Sequence[int], channels: Sequence[int]
    ) -> NDArray[np.float32]:
        """What is read at places, padding as 0.

        Args:
            rows: of the output.
            columns: likewise; each row with each column is a place.
            channels: of the output.

        Returns:
            (places, kh, kw, read); where all channels read the same, what one reads, else one's after another's.
        """
        values = cells(self.source)
        assert values is not None
        starts = [self.start(channel) for channel in channels]
        if len(set(starts)) == 1:
            read = list(range(starts[0], starts[0] + self.reads))
        else:
            read = [start + i for start in starts for i in range(self.reads)]
        picked = [
            _picked(values, self.rows(row), self.columns(column), read) for row in rows for column in columns
        ]
        return np.stack(picked)


def _picked(
    values: NDArray[np.float32],
    rows: Sequence[int | None],
    columns: Sequence[int | None],
    channels: Sequence[int],
) -> NDArray[np.float32]:
    height, width, _ = values.shape
    at_rows, at_columns = (np.array([-1 if one is None else one for one in axis]) for axis in (rows, columns))
    inside = ((at_rows >= 0) & (at_rows < height))[:, None] & ((at_columns >= 0) & (at_columns < width))
    found = values[np.clip(at_rows, 0, height - 1)][:, np.clip(at_columns, 0, width - 1)][..., channels]
    return np.where(inside[..., None], found, np.float32(0))
