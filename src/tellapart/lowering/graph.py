"""Graph: the calls of a Keras model in the order in which they run.

Pure analysis of a live Sequential or Functional model; nothing is executed and
no torch module is built here. Tensors are named by small integers ("slots").
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.keras_internals import (
    functional_inside,
    is_keras_attribute,
    is_keras_class,
    nested_layers,
    nodes_by_depth,
    tables_of_hooks,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one layer."""

    layer: Any
    """The Keras layer (or other Keras operation) called."""

    node: Any
    """Keras's record of the call, which can fill in nested arguments."""

    inputs: tuple[int, ...]
    """Slots of the input tensors, in order."""

    outputs: tuple[int, ...]
    """Slots of the output tensors, in order."""

    plain: bool
    """Whether the call is `layer(*tensors)`, with no other argument but `training`.

    The value of `training` in the graph is ignored: each call uses the model's, as in Keras's own `fit` and
    `predict`. The recorded one may be only a default: for each plain Dropout it is False.
    """

    arguments: tuple[Any, ...] | None
    """The positional arguments, as in `layer(a, b)` or `a + 1`: symbolic tensors in the order of `inputs`,
    with numbers and other values between them. None where an argument but `training` is passed by name."""

    named: Mapping[str, Any]
    """The arguments passed by name, without `training` and without those that are None."""

    last_use: tuple[int, ...]
    """Slots that no later call reads; their tensors are freed after this call."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole model: its calls, and the slots of its inputs and outputs."""

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    slots: Mapping[int, int]
    """id of a Keras symbolic tensor -> slot."""

    uses: Mapping[int, int]
    """Slot -> how often it is read, counting the model's outputs."""

    functional: Any
    """The Functional model analyzed (for a Sequential, the one inside it)."""


def functional_of(model: Any) -> Any | None:
    """Return the Functional model that describes how `model` runs; None where only its own code does.

    None for a model with its own `call`, `__call__` or torch's hooks, for one whose graph passes masks or has
    optional inputs, and for a Sequential that is not built yet.
    """
    import keras

    if isinstance(model, keras.Sequential):
        runs_its_graph = type(model).call is keras.Sequential.call
        functional = functional_inside(model)
    else:
        base: Any = next((kind for kind in type(model).__mro__ if is_keras_class(kind, "Functional")), None)
        runs_its_graph = base is not None and type(model).call is base.call
        functional = model
    own_code = not all(is_keras_attribute(model, name) for name in ("__call__", "forward", "call"))
    if not runs_its_graph or functional is None or own_code or any(tables_of_hooks(model)):
        return None
    unsupported = any(_makes_masks(layer) or _is_optional(layer) for layer in functional.operations)
    return None if unsupported else functional


def analyze(functional: Any) -> Graph:
    """Return the graph of a Functional model, its calls in an order that respects every dependency."""
    slots: dict[int, int] = {}

    def slot(tensor: Any) -> int:
        return slots.setdefault(id(tensor), len(slots))

    inputs = tuple(slot(tensor) for tensor in functional.inputs)
    by_depth = nodes_by_depth(functional)
    nodes = [
        node
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
        if node.operation is not None and not node.is_input
    ]
    wired = [(node, tuple(map(slot, node.input_tensors)), tuple(map(slot, node.outputs))) for node in nodes]
    outputs = tuple(slot(tensor) for tensor in functional.outputs)
    last_reader = {slot: index for index, (_, read, _) in enumerate(wired) for slot in read}
    calls = []
    for index, (node, read, written) in enumerate(wired):
        freed = [s for s in dict.fromkeys(read) if last_reader[s] == index and s not in outputs]
        calls.append(_call(node, read, written, freed))
    uses = Counter(slot for call in calls for slot in call.inputs) + Counter(outputs)
    return Graph(tuple(calls), inputs, outputs, slots, uses, functional)


def _call(node: Any, read: tuple[int, ...], written: tuple[int, ...], freed: list[int]) -> Call:
    named = {
        name: value
        for name, value in node.arguments.kwargs.items()
        if value is not None and name != "training"
    }
    return Call(
        layer=node.operation,
        node=node,
        inputs=read,
        outputs=written,
        plain=not named and _only_tensors(node.arguments.args, len(read)),
        arguments=None if named else node.arguments.args,
        named=named,
        last_use=tuple(freed),
    )


def _only_tensors(args: tuple[Any, ...], count: int) -> bool:
    """Return whether the positional arguments are one tensor or one list of tensors, and nothing else."""
    import keras

    first = args[0] if len(args) == 1 else None
    tensors = first if isinstance(first, list | tuple) else [first]
    return len(tensors) == count and all(isinstance(t, keras.KerasTensor) for t in tensors)


def _makes_masks(operation: Any) -> bool:
    """Return whether an operation, or a layer within it, may leave a mask on its output.

    Keras stores a mask as an attribute of the tensor, which torch operations would lose.
    """
    import keras

    parts = nested_layers(operation) if isinstance(operation, keras.Layer) else []
    return any(
        isinstance(part, keras.layers.Masking)
        or getattr(part, "mask_zero", False)
        or not is_keras_class(next(kind for kind in type(part).__mro__ if "compute_mask" in vars(kind)))
        for part in parts
    )


def _is_optional(operation: Any) -> bool:
    return bool(getattr(operation, "optional", False))
