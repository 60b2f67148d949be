"""Operators: `x + y`, `0.5 * x`, `keras.ops.mean(x, ...)` and the like in a Functional model's graph.

Operators are not layers: they have no weights, and some of their arguments may be numbers. Each has a rule in
`elementwise.py`, `reducing.py` or `rearranging.py`; an operator without one runs as itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tellapart.lowering.ops import elementwise, rearranging, reducing
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.operands import OperatorRule, places

OF_NUMBERS: dict[str, OperatorRule] = {**elementwise.OPERATORS, **reducing.OPERATORS}
"""Keras's class name of an operator -> its rule, for floating-point tensors: on integers Keras chooses the dtype."""

OF_ANYTHING: dict[str, OperatorRule] = {**rearranging.OPERATORS, **elementwise.CHOICES}
"""Keras's class name of an operator -> its rule, for tensors of any dtype."""


def lower_operator(
    name: str, arguments: Sequence[Any], settings: Mapping[str, Any], dtype: torch.dtype | None
) -> Operation | None:
    """Return an operator's operation; None: it runs as itself.

    Args:
        name: the operator's class name in Keras.
        arguments: its arguments, in order: a `Place` for each tensor, other values themselves.
        settings: its attributes, such as `axis`.
        dtype: what products compute in; None: as the operator's inputs.
    """
    floating = all("float" in place.dtype for place in places(arguments))
    rule = (OF_NUMBERS.get(name) if floating else None) or OF_ANYTHING.get(name)
    return None if rule is None else rule(arguments, settings, dtype)
