"""Stages: parts of a net, each run on as many images at once as keep their feature maps in a core's cache.

The first maps of a photo take megabytes, so one or two photos at once are fastest there; the last ones take
little, and more photos share the reading of weights and the start of each operation (`benchmarks/NOTES.md`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tellapart.inference.fold import Step

BYTES_AT_ONCE = 5_000_000
"""Most bytes of one feature map of all images of a part. Measured on photos with 1 to 32 images at every stage."""

MOST_AT_ONCE = 64
"""Most images of a part."""

LOOK_AHEAD = 2
"""Steps by which a stage may grow to end at a smaller feature map, since its parts are copied together there."""


class Stage(NamedTuple):
    """Some steps in a row, between two slots that are all that is passed on."""

    steps: Sequence[Step]
    entry: int
    result: int
    images: int
    """How many images pass through at once."""


def run(steps: Sequence[Step], values: dict[int, Tensor], result: int) -> Tensor:
    """Return the tensor of a slot, computed from those in `values`, which are dropped when nothing needs them."""
    last_reader = {slot: step.output for step in steps for slot in step.inputs}
    for step in steps:
        values[step.output] = step.operation(*[values[slot] for slot in step.inputs], training=False)
        for slot in set(step.inputs):
            if last_reader[slot] == step.output and slot != result:
                del values[slot]
    return values[result]


def measured(steps: Sequence[Step], image: Tensor, entry: int) -> dict[int, int]:
    """Run the steps on one image; return the bytes of the tensor in each slot."""
    values = {entry: image}
    for step in steps:
        values[step.output] = step.operation(*[values[slot] for slot in step.inputs], training=False)
    return {slot: value.nbytes for slot, value in values.items()}


def in_stages(steps: Sequence[Step], entry: int, result: int, sizes: Mapping[int, int]) -> list[Stage]:
    """Divide steps into stages; each takes at least as many images at once as the one before.

    Args:
        steps: in order.
        entry: slot that the first steps read.
        result: slot that the last of them writes.
        sizes: bytes of each slot for one image.
    """
    counts = _images_at_once(steps, sizes)
    passed_on = _single_slots(steps, entry, result)
    stages, begin = [], 0
    while begin < len(steps):
        end = _end_of_stage(begin, counts, passed_on, sizes)
        stages.append(Stage(steps[begin:end], passed_on[begin], passed_on[end], counts[begin]))
        begin = end
    return stages


def through(stages: Sequence[Stage], x: Tensor) -> Tensor:
    """Pass images through the stages."""
    for stage in stages:
        parts = [run(stage.steps, {stage.entry: part}, stage.result) for part in x.split(stage.images)]
        x = parts[0] if len(parts) == 1 else torch.cat(parts)
    return x


def _images_at_once(steps: Sequence[Step], sizes: Mapping[int, int]) -> list[int]:
    """Return for each step the images that it and all later ones may take at once, a power of two."""
    counts, count = [], MOST_AT_ONCE
    for step in reversed(steps):
        largest = max(sizes[slot] for slot in (*step.inputs, step.output))
        while count > 1 and count * largest > BYTES_AT_ONCE:
            count //= 2
        counts.append(count)
    return counts[::-1]


def _single_slots(steps: Sequence[Step], entry: int, result: int) -> dict[int, int]:
    """Return the places between steps where only one slot is still needed: number of steps before -> slot."""
    last_reader = {slot: number for number, step in enumerate(steps) for slot in step.inputs}
    last_reader[result] = len(steps)
    needed, single = {entry}, {0: entry}
    for number, step in enumerate(steps):
        needed = {slot for slot in (*needed, step.output) if last_reader.get(slot, -1) > number}
        if len(needed) == 1:
            single[number + 1] = next(iter(needed))
    return single


def _end_of_stage(
    begin: int, counts: Sequence[int], passed_on: Mapping[int, int], sizes: Mapping[int, int]
) -> int:
    """Return the number of steps before the end of the stage that begins after `begin` steps."""
    places = [place for place in passed_on if place > begin]
    for index, place in enumerate(places[:-1]):
        if counts[place] > counts[begin]:
            near = places[index : index + 1 + LOOK_AHEAD]
            return min(near, key=lambda place: sizes[passed_on[place]])
    return places[-1]
