"""Operands: what an operator is given, tensors and other values, known before it runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from tellapart.lowering.ops.base import Operation

Kind = TypeVar("Kind", bound=Operation)


@dataclass(frozen=True, slots=True)
class Place:
    """Stands for a tensor among the arguments of an operator."""

    shape: tuple[int | None, ...]
    """In Keras's order; None where any size may come."""

    dtype: str
    """Keras's name of the tensor's dtype."""

    @property
    def rank(self) -> int:
        """How many axes the tensor has."""
        return len(self.shape)


OperatorRule = Callable[[Sequence[Any], Mapping[str, Any], torch.dtype | None], Operation | None]
"""(arguments, settings, dtype of products or None) -> operation; None: the operator runs as itself."""


def places(arguments: Any) -> Iterator[Place]:
    """Yield the tensors among nested arguments, in order."""
    if isinstance(arguments, Place):
        yield arguments
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from places(argument)


def only_place(arguments: Sequence[Any]) -> Place | None:
    """Return the tensor that is an operator's only argument; None where there is more."""
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], Place) else None


def places_in_list(arguments: Sequence[Any]) -> list[Place]:
    """Return the tensors of the list that is an operator's only argument; none where there is more."""
    given = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else []
    return list(given) if all(isinstance(value, Place) for value in given) else []


def positive(axes: Any, rank: int) -> tuple[int, ...]:
    """Return one axis or several as numbers from 0 on."""
    every = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(axis % rank for axis in every)


def coupling(operation: Kind, *, couples: bool) -> Kind:
    """Mark whether an operation lets the images of a batch touch, or changes how many there are."""
    operation.couples_images = couples
    return operation
