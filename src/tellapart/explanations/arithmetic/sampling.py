"""Sampling: which numbers of a run a page contains, so that it stays small enough to open anywhere.

Small tensors are kept whole. Of larger ones, and of deep networks, a page contains a grid of places and the strongest
channels, each with everything that its arithmetic needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.explanations.arithmetic.cells import Reading, cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Selection
from tellapart.explanations.recorder import LayerRun
from tellapart.pages.packing import pack

LARGEST_WHOLE = 2**16
"""Numbers of a tensor that is kept whole, at most."""

WHOLE_IN_ALL = 400_000
"""Numbers of all tensors that are kept whole, at most."""

SAMPLED_IN_ALL = 900_000
"""Numbers of all windows and kernels besides, at most."""

MAX_PER_LAYER, MIN_PER_LAYER = 32_000, 3_000

MAX_CHANNELS, MIN_CHANNELS = 64, 8
"""Channels of a layer to choose from, at most: fewer in a deep network, down to the second number."""

CHANNELS_IN_ALL = 4_000
"""Channels of all layers to choose from, at most."""

GRIDS = (8, 6, 4, 3, 2, 1)
"""Rows and columns of places that are sampled, the most first."""

SIDE = 48
"""Pixels of the small maps of sampled layers."""


class WholeTensors:
    """The tensors that a page contains whole, each once."""

    def __init__(self) -> None:
        self.packed: list[dict[str, Any]] = []
        self._places: dict[int, int | None] = {}
        self._left = WHOLE_IN_ALL
        self._kept: list[Tensor] = []

    def place(self, tensor: Tensor) -> int | None:
        """Return a tensor's index among those kept whole; None where it is too large."""
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
class LayerSampler:
    """Samples the layers of one run for one page."""

    tensors: WholeTensors
    numbers_of_a_layer: int
    """Numbers of windows, and of kernels, for each layer at most."""

    channels_of_a_layer: int

    def sampled(self, run: LayerRun, arithmetic: LayerArithmetic) -> dict[str, Any]:
        """Return a layer's numbers and its arithmetic, as plain values."""
        values = cells(run.raw_outputs[0])
        if values is None:
            return {"cells": None}
        whole = [self.tensors.place(run.raw_outputs[0])]
        whole += [self.tensors.place(reading.source) for reading in arithmetic.readings]
        channels = self._channels(values, arithmetic)
        selection, is_sampled = self._selection(values, arithmetic, channels, None not in whole)
        layer: dict[str, Any] = {
            "cells": list(values.shape),
            "channels": channels,
            "rows": list(selection.rows) if is_sampled else None,
            "columns": list(selection.columns) if is_sampled else None,
            "output": whole[0],
            "arithmetic": {
                "kind": arithmetic.kind,
                "description": arithmetic.description,
                **arithmetic.details(selection),
            },
            "readings": [
                self._reading(reading, index, selection, is_sampled)
                for reading, index in zip(arithmetic.readings, whole[1:], strict=True)
            ],
        }
        if whole[0] is None:
            chosen = values[np.ix_(list(selection.rows), list(selection.columns), channels)]
            layer["at"] = pack(chosen.reshape(-1, len(channels)))
            layer["maps"], layer["largest"] = _maps(values[..., channels])
        return layer

    def _channels(self, values: NDArray[np.float32], arithmetic: LayerArithmetic) -> list[int]:
        """Return the strongest channels, as many as there is room for."""
        room = self.numbers_of_a_layer // max(1, arithmetic.numbers_per_channel)
        strength = np.abs(values).max((0, 1))
        order = np.argsort(-strength, kind="stable")[: max(1, min(self.channels_of_a_layer, room))]
        return sorted(order.tolist()) if len(order) == len(strength) else order.tolist()

    def _selection(
        self, values: NDArray[np.float32], arithmetic: LayerArithmetic, channels: list[int], is_whole: bool
    ) -> tuple[Selection, bool]:
        """Return the values to show, and whether they are a sample."""
        height, width, _ = values.shape
        if is_whole:
            return Selection(range(height), range(width), channels), False
        for side in GRIDS:
            rows, columns = _spread(height, side), _spread(width, side)
            each = sum(_numbers_of_a_window(reading, channels) for reading in arithmetic.readings)
            if len(rows) * len(columns) * each <= self.numbers_of_a_layer:
                break
        return Selection(rows, columns, channels), True

    def _reading(
        self, reading: Reading, index: int | None, selection: Selection, is_sampled: bool
    ) -> dict[str, Any]:
        values = cells(reading.source)
        assert values is not None
        starts = [reading.start(channel) for channel in selection.channels]
        packed = {
            "cells": list(values.shape),
            "size": list(reading.size),
            "strides": list(reading.strides),
            "dilation": list(reading.dilation),
            "before": list(reading.before),
            "apart": list(reading.apart),
            "reads": reading.reads,
            "starts": starts,
            "tensor": index,
        }
        if is_sampled and index is None:
            packed["shared"] = len(set(starts)) == 1
            packed["windows"] = pack(reading.windows(selection.rows, selection.columns, selection.channels))
        return packed


def sampler_for(layers: Sequence[LayerRun]) -> LayerSampler:
    """Return a sampler with room for these layers."""
    count = max(1, len(layers))
    numbers = max(MIN_PER_LAYER, min(MAX_PER_LAYER, SAMPLED_IN_ALL // count))
    channels = max(MIN_CHANNELS, min(MAX_CHANNELS, CHANNELS_IN_ALL // count))
    return LayerSampler(WholeTensors(), numbers, channels)


def _numbers_of_a_window(reading: Reading, channels: list[int]) -> int:
    starts = {reading.start(channel) for channel in channels}
    return reading.size[0] * reading.size[1] * reading.reads * len(starts)


def _spread(length: int, count: int) -> list[int]:
    """Return evenly spaced places, away from the ends where there is room."""
    if length <= count:
        return list(range(length))
    return [int((i + 0.5) * length / count) for i in range(count)]


def _maps(values: NDArray[np.float32]) -> tuple[dict[str, Any], float]:
    """Return channels as small maps (channels, h, w) uint8, 128 for zero, and the number that 255 stands for."""
    step = max(1, -(-max(values.shape[:2]) // SIDE))
    height, width = (max(1, length // step) for length in values.shape[:2])
    cut = values[: height * step, : width * step]
    small = cut.reshape(height, -1, width, cut.shape[1] // width, values.shape[2]).mean((1, 3))
    most = float(max(np.abs(small).max(), 1e-12))
    scaled = np.round(128 + 127 * small / most).clip(0, 255).astype(np.uint8)
    return pack(np.ascontiguousarray(scaled.transpose(2, 0, 1))), most
