"""Carrying: which numbers of a run a page takes along, so that it stays small enough to open anywhere.

Small tensors are carried whole. Of larger ones, and of deep networks, a grid of places and the strongest
channels, each with all that its working needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.working import LayerArithmetic, Shown
from tellapart.explanations.recorder import LayerRun
from tellapart.pages.packing import pack

LARGEST_WHOLE = 2**16
"""Numbers of a tensor that is carried whole."""

WHOLE_IN_ALL = 1_000_000
"""Numbers of all tensors that are carried whole."""

SAMPLED_IN_ALL = 1_200_000
"""Numbers of all windows and kernels beside them."""

MOST_OF_A_LAYER, LEAST_OF_A_LAYER = 32_000, 3_000

MOST_CHANNELS = 64
"""Of a layer, to choose from."""

GRIDS = (8, 6, 4, 3, 2, 1)
"""Rows and columns of places, of what is not carried whole."""

SIDE = 48
"""Pixels of the maps of what is not carried whole."""


class Tensors:
    """The tensors that a page carries whole, each once."""

    def __init__(self) -> None:
        self.packed: list[dict[str, Any]] = []
        self._places: dict[int, int | None] = {}
        self._left = WHOLE_IN_ALL
        self._kept: list[Tensor] = []

    def place(self, tensor: Tensor) -> int | None:
        """Its number among those carried whole; None where it is not one of them."""
        if id(tensor) not in self._places:
            self._kept.append(tensor)  # so that no other takes its id
            self._places[id(tensor)] = self._new_place(tensor)
        return self._places[id(tensor)]

    def _new_place(self, tensor: Tensor) -> int | None:
        values = cells(tensor)
        if values is None or values.size > min(LARGEST_WHOLE, self._left):
            return None
        self._left -= values.size
        self.packed.append(pack(values))
        return len(self.packed) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """What one page carries of one run."""

    tensors: Tensors
    numbers_of_a_layer: int
    """Windows' or kernels' numbers, each."""

    def carried(self, run: LayerRun, working: LayerArithmetic) -> dict[str, Any]:
        """A layer's numbers and its working, as plain values."""
        values = cells(run.given[0])
        if values is None:
            return {"cells": None}
        whole = [self.tensors.place(run.given[0])]
        whole += [self.tensors.place(reading.source) for reading in working.readings]
        channels = self._channels(values, working)
        shown, sampled = self._shown(values, working, channels, all(one is not None for one in whole))
        found: dict[str, Any] = {
            "cells": list(values.shape),
            "channels": channels,
            "rows": list(shown.rows) if sampled else None,
            "columns": list(shown.columns) if sampled else None,
            "output": whole[0],
            "working": {"kind": working.kind, "says": working.says, **working.details(shown)},
            "readings": [
                self._reading(one, place, shown, sampled)
                for one, place in zip(working.readings, whole[1:], strict=True)
            ],
        }
        if whole[0] is None:
            picked = values[np.ix_(list(shown.rows), list(shown.columns), channels)]
            found["at"] = pack(picked.reshape(-1, len(channels)))
            found["maps"], found["most"] = _maps(values[..., channels])
        return found

    def _channels(self, values: NDArray[np.float32], working: LayerArithmetic) -> list[int]:
        """The strongest, as many as there is room for."""
        room = self.numbers_of_a_layer // max(1, working.per_channel)
        strength = np.abs(values).max((0, 1))
        order = np.argsort(-strength, kind="stable")[: max(1, min(MOST_CHANNELS, room))]
        return sorted(order.tolist()) if len(order) == len(strength) else order.tolist()

    def _shown(
        self, values: NDArray[np.float32], working: LayerArithmetic, channels: list[int], is_whole: bool
    ) -> tuple[Shown, bool]:
        height, width, _ = values.shape
        if is_whole:
            return Shown(range(height), range(width), channels), False
        for side in GRIDS:
            rows, columns = _spread(height, side), _spread(width, side)
            each = sum(_numbers_of_a_window(one, channels) for one in working.readings)
            if len(rows) * len(columns) * each <= self.numbers_of_a_layer:
                break
        return Shown(rows, columns, channels), True

    def _reading(self, reading: Reading, place: int | None, shown: Shown, sampled: bool) -> dict[str, Any]:
        values = cells(reading.source)
        assert values is not None
        starts = [reading.start(channel) for channel in shown.channels]
        found = {
            "cells": list(values.shape),
            "size": list(reading.size),
            "strides": list(reading.strides),
            "dilation": list(reading.dilation),
            "before": list(reading.before),
            "apart": list(reading.apart),
            "reads": reading.reads,
            "starts": starts,
            "tensor": place,
        }
        if sampled and place is None:
            found["shared"] = len(set(starts)) == 1
            found["windows"] = pack(reading.windows(shown.rows, shown.columns, shown.channels))
        return found


def carrier_for(layers: Sequence[LayerRun]) -> Carrier:
    """With room for so many layers."""
    each = SAMPLED_IN_ALL // max(1, len(layers))
    return Carrier(Tensors(), max(LEAST_OF_A_LAYER, min(MOST_OF_A_LAYER, each)))


def _numbers_of_a_window(reading: Reading, channels: list[int]) -> int:
    starts = {reading.start(channel) for channel in channels}
    return reading.size[0] * reading.size[1] * reading.reads * len(starts)


def _spread(length: int, count: int) -> list[int]:
    """Places at equal distances, away from the ends where there is room."""
    if length <= count:
        return list(range(length))
    return [int((i + 0.5) * length / count) for i in range(count)]


def _maps(values: NDArray[np.float32]) -> tuple[dict[str, Any], float]:
    """Channels as small maps (channels, h, w) uint8, 128 for zero, and the number that 255 stands for."""
    step = max(1, -(-max(values.shape[:2]) // SIDE))
    height, width = (max(1, length // step) for length in values.shape[:2])
    cut = values[: height * step, : width * step]
    small = cut.reshape(height, -1, width, cut.shape[1] // width, values.shape[2]).mean((1, 3))
    most = float(max(np.abs(small).max(), 1e-12))
    scaled = np.round(128 + 127 * small / most).clip(0, 255).astype(np.uint8)
    return pack(np.ascontiguousarray(scaled.transpose(2, 0, 1))), most
