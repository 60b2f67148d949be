"""Cells: every layer's output as places with channels, and which numbers of an input an output's number reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.lower.layout import to_keras

Pair = tuple[int, int]


def cells(tensor: Tensor) -> NDArray[np.float32] | None:
    """A tensor of a batch of one as (height, width, channels).

    Feature maps are that already; a row of tokens is as high as it is long, and a row of units is one place.
    None for other ranks.

    Args:
        tensor: in the engine's layout.
    """
    values = to_keras(tensor)[0].detach().float().cpu().numpy()
    if values.ndim == 3:
        return values
    if values.ndim == 2:
        return values[:, None]
    return values[None, None] if values.ndim == 1 else None


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

    reads: int = 1
    """Channels of the input that a channel of the output reads."""

    start: Callable[[int], int] = lambda channel: channel
    """Output channel -> the first channel that it reads."""

    def rows(self, row: int) -> list[int]:
        """Of the input, for an output's row; outside of it is padding."""
        return [row * self.strides[0] - self.before[0] + i * self.dilation[0] for i in range(self.size[0])]

    def columns(self, column: int) -> list[int]:
        """Likewise."""
        return [column * self.strides[1] - self.before[1] + i * self.dilation[1] for i in range(self.size[1])]

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
    values: NDArray[np.float32], rows: Sequence[int], columns: Sequence[int], channels: Sequence[int]
) -> NDArray[np.float32]:
    height, width, _ = values.shape
    at_rows, at_columns = np.array(rows), np.array(columns)
    inside = ((at_rows >= 0) & (at_rows < height))[:, None] & ((at_columns >= 0) & (at_columns < width))
    found = values[np.clip(at_rows, 0, height - 1)][:, np.clip(at_columns, 0, width - 1)][..., channels]
    return np.where(inside[..., None], found, np.float32(0))
