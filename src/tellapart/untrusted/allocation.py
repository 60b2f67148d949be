"""A limit on the numbers that a library asks torch for while it builds what a file from a stranger describes."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FACTORIES = frozenset(
    {
        torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.arange, torch.linspace,
        torch.rand, torch.randn, torch.normal, torch.randint,
    }
)  # fmt: skip
"""Functions that return a new tensor of a size that they are told."""


class TooManyNumbersError(Exception):
    """More numbers were asked for than the limit allows."""


class NumbersLimit(TorchFunctionMode):
    """Within the block, torch refuses to allocate more numbers in all, before the memory is taken.

    Tensors without memory, by which shapes are traced, do not count. Those of a trace that needs memory count each
    alone: they are gone before the next.
    """

    def __init__(self, most: int, most_traced: int, is_tracing: Callable[[], bool]) -> None:
        """Set the limits.

        Args:
            most: numbers in all.
            most_traced: numbers at once while shapes are traced.
            is_tracing: returns whether they are.
        """
        super().__init__()
        self.most, self.most_traced, self.is_tracing = most, most_traced, is_tracing
        self.asked = 0
        self.exceeded: int | None = None
        """The numbers that were refused."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count what a factory is asked for, then call it."""
        kwargs = kwargs or {}
        if function in FACTORIES and str(kwargs.get("device")) != "meta":
            self._count(_numbers(function, args, kwargs))
        return function(*args, **kwargs)

    def _count(self, numbers: int) -> None:
        tracing = self.is_tracing()
        asked, most = (numbers, self.most_traced) if tracing else (self.asked + numbers, self.most)
        if asked > most:
            self.exceeded = asked
            raise TooManyNumbersError(f"{asked:,} numbers")
        if not tracing:
            self.asked = asked


def _numbers(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return how many numbers a factory is asked for, at most."""
    given = [*args, *(kwargs[name] for name in ("size", "end", "steps", "n", "m") if name in kwargs)]
    sizes = next((value for value in given if isinstance(value, list | tuple)), None)
    if sizes is not None:
        return prod(map(int, sizes))
    numbers = [abs(value) for value in given if isinstance(value, int | float)]
    if function in (torch.arange, torch.linspace):
        return int(max(numbers, default=0))
    return prod(map(int, numbers))
