"""Operators that only move numbers: reshape, transpose, split, stack, slice, repeat, cut into patches.

Each works in Keras's layout, which is a view of ours, and gives its result back in ours.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch, torch_axis
from tellapart.lowering.ops.base import FunctionOperation, Operation, in_keras_layout
from tellapart.lowering.ops.operands import (
    OperatorRule,
    Place,
    coupling,
    only_place,
    places_in_list,
    positive,
)

Settings = Mapping[str, Any]


def _of_one(build: Callable[[Place, Settings], Operation | None]) -> OperatorRule:
    """Return the rule of an operator on one tensor alone."""

    def rule(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
        place = only_place(arguments)
        return None if place is None else build(place, settings)

    return rule


def _reshape(place: Place, settings: Settings) -> Operation | None:
    shape = settings["newshape"]
    shape = [shape] if isinstance(shape, int) else list(shape)
    if not all(size is None or isinstance(size, int) for size in shape):
        return None
    sizes = [-1 if size is None else size for size in shape]
    of_one_image = _size(sizes[1:])
    keeps_batch = sizes[:1] == [-1] and of_one_image > 0 and of_one_image == _size(place.shape[1:])
    return coupling(in_keras_layout(lambda x: x.reshape(sizes)), couples=not keeps_batch)


def _size(shape: Sequence[int | None]) -> int:
    """Return how many numbers a shape holds; -1 where it is open."""
    sizes = [size for size in shape if size is not None and size >= 0]
    return prod(sizes) if len(sizes) == len(shape) else -1


def _ordered(order: Sequence[int]) -> Operation:
    operation = in_keras_layout(lambda x: x.permute(tuple(order)).contiguous())
    return coupling(operation, couples=order[0] != 0)


def _transpose(place: Place, settings: Settings) -> Operation:
    axes = settings["axes"]
    return _ordered(range(place.rank)[::-1] if axes is None else positive(axes, place.rank))


def _swap_axes(place: Place, settings: Settings) -> Operation:
    order = list(range(place.rank))
    first, second = positive((settings["axis1"], settings["axis2"]), place.rank)
    order[first], order[second] = second, first
    return _ordered(order)


def _move_axis(place: Place, settings: Settings) -> Operation:
    sources, goals = (positive(settings[name], place.rank) for name in ("source", "destination"))
    order = [axis for axis in range(place.rank) if axis not in sources]
    for goal, source in sorted(zip(goals, sources, strict=True)):
        order.insert(goal, source)
    return _ordered(order)


def _split(place: Place, settings: Settings) -> Operation | None:
    """Return a split into views, whose gradients torch joins at once."""
    parts, axis = settings["indices_or_sections"], settings["axis"] % place.rank
    size = place.shape[axis]
    if size is None:
        return None
    ends = (
        [size * part // parts for part in range(1, parts + 1)] if isinstance(parts, int) else [*parts, size]
    )
    sizes = [end - start for start, end in pairwise([0, *ends])]
    operation = FunctionOperation(lambda x: [to_torch(part) for part in to_keras(x).split(sizes, axis)])
    return coupling(operation, couples=axis == 0)


def _unstack(place: Place, settings: Settings) -> Operation:
    axis = settings["axis"] % place.rank
    operation = FunctionOperation(lambda x: [to_torch(part) for part in to_keras(x).unbind(axis)])
    return coupling(operation, couples=axis == 0)


def _expand_dims(place: Place, settings: Settings) -> Operation | None:
    axes = settings["axis"]
    rank = place.rank + (1 if isinstance(axes, int) else len(axes))
    new = sorted(positive(axes, rank))

    def expand(x: Tensor) -> Tensor:
        for axis in new:
            x = x.unsqueeze(axis)
        return x

    return coupling(in_keras_layout(expand), couples=new[0] == 0)


def _squeeze(place: Place, settings: Settings) -> Operation | None:
    if settings["axis"] is None:
        return None  # which axes go may depend on the batch's size
    axes = positive(settings["axis"], place.rank)
    return coupling(in_keras_layout(lambda x: x.squeeze(axes)), couples=0 in axes)


def _flip(place: Place, settings: Settings) -> Operation | None:
    axes = positive(range(place.rank) if settings["axis"] is None else settings["axis"], place.rank)
    return coupling(in_keras_layout(lambda x: x.flip(axes)), couples=0 in axes)


def _roll(place: Place, settings: Settings) -> Operation | None:
    shift, axis = settings["shift"], settings["axis"]
    if axis is None:
        return None
    axes = positive(axis, place.rank)
    return coupling(in_keras_layout(lambda x: x.roll(shift, axis)), couples=0 in axes)


def _repeat(place: Place, settings: Settings) -> Operation | None:
    repeats, axis = settings["repeats"], settings["axis"]
    if axis is None or not isinstance(repeats, int):
        return None
    (dim,) = positive(axis, place.rank)
    return coupling(in_keras_layout(lambda x: x.repeat_interleave(repeats, dim)), couples=dim == 0)


def _patches(place: Place, settings: Settings) -> Operation | None:
    """Return `keras.ops.image.extract_patches` for patches side by side, the only ones that are a mere reshape."""
    size, strides = settings["size"], settings["strides"]
    size = (size, size) if isinstance(size, int) else tuple(size)
    strides = size if strides is None else (strides, strides) if isinstance(strides, int) else tuple(strides)
    plain = settings["padding"] == "valid" and settings["dilation_rate"] in (1, (1, 1), [1, 1])
    if (
        len(size) != 2
        or place.rank != 4
        or size != strides
        or not plain
        or settings["data_format"] != "channels_last"
    ):
        return None
    height, width = size

    def extract(x: Tensor) -> Tensor:
        rows, columns = x.shape[1] // height, x.shape[2] // width
        x = x[:, : rows * height, : columns * width].unflatten(2, (columns, width))
        return x.unflatten(1, (rows, height)).permute(0, 1, 3, 2, 4, 5).flatten(3)

    return in_keras_layout(extract)


def _get_item(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    place, key = arguments
    parts = key if isinstance(key, tuple) else tuple(key) if isinstance(key, list) else (key,)
    if not isinstance(place, Place) or not all(map(_is_plain_index, parts)):
        return None
    whole_batch = bool(parts) and (parts[0] is Ellipsis or parts[0] == slice(None))
    consumed = sum(part is not None and part is not Ellipsis for part in parts)
    whole_batch = whole_batch and (parts[0] is not Ellipsis or consumed < place.rank)
    return coupling(in_keras_layout(lambda x: x[parts]), couples=not whole_batch)


def _is_plain_index(part: Any) -> bool:
    """Return whether a part of an index is a number, a slice of numbers, None or an ellipsis."""
    if isinstance(part, slice):
        return all(limit is None or type(limit) is int for limit in (part.start, part.stop, part.step))
    return part is None or part is Ellipsis or type(part) is int


def _concatenate(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    given = places_in_list(arguments)
    if not given or len({place.dtype for place in given}) > 1:
        return None
    axis = settings["axis"] % given[0].rank
    dim = torch_axis(axis, given[0].rank)
    return coupling(FunctionOperation(lambda *tensors: torch.cat(tensors, dim)), couples=axis == 0)


def _stack(arguments: Sequence[Any], settings: Settings, _: torch.dtype | None) -> Operation | None:
    given = places_in_list(arguments)
    if not given or len({place.dtype for place in given}) > 1:
        return None
    axis = settings["axis"] % (given[0].rank + 1)
    return coupling(in_keras_layout(lambda *tensors: torch.stack(tensors, axis)), couples=axis == 0)


OPERATORS: dict[str, OperatorRule] = {
    "Reshape": _of_one(_reshape),
    "Transpose": _of_one(_transpose),
    "Swapaxes": _of_one(_swap_axes),
    "Moveaxis": _of_one(_move_axis),
    "Split": _of_one(_split),
    "Unstack": _of_one(_unstack),
    "ExpandDims": _of_one(_expand_dims),
    "Squeeze": _of_one(_squeeze),
    "Flip": _of_one(_flip),
    "Roll": _of_one(_roll),
    "Repeat": _of_one(_repeat),
    "ExtractPatches": _of_one(_patches),
    "GetItem": _get_item,
    "Concatenate": _concatenate,
    "Stack": _stack,
}
