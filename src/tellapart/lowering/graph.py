"""Graph: a Keras model's calls in the order in which they run.

Pure analysis of a live Sequential or Functional model; nothing is executed and
no torch module is built here. Tensors are named by small integers ("slots").
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tellapart.keras_internals import functional_inside, is_keras_class, nested_layers, nodes_by_depth


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one layer."""

    layer: Any
    """The Keras layer (or other Keras operation) called."""

    node: Any
    """Keras's record of the call, which knows how to fill in nested arguments."""

    inputs: tuple[int, ...]
    """Slots of the tensors that go in, in order."""

    outputs: tuple[int, ...]
    """Slots of the tensors that come out, in order."""

    plain: bool
    """Whether the call is just `layer(*tensors)`, nothing else but `training` passed.

    `training` is the model's at every call, as in Keras's own `fit` and `predict`. What the
    graph records cannot be told from a default: for each plain Dropout it says False.
    """

    arguments: tuple[Any, ...] | None
    """What the call gives one by one, as `layer(a, b)` or `a + 1` do: the symbolic tensors in the order
    of `inputs`, numbers and other values between them. None where it gives anything by name."""

    last_use: tuple[int, ...]
    """Slots that no later call reads, free once this call is done."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole model: its calls, and the slots that enter and leave it."""

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
    """The Functional model that says how `model` runs, or None where only its own code knows.

    A subclass with a `call` of its own, a model whose graph passes masks or has
    optional inputs, and a Sequential that is not built yet have none.
    """
    import keras

    if isinstance(model, keras.Sequential):
        runs_its_graph = type(model).call is keras.Sequential.call
        functional = functional_inside(model)
    else:
        base: Any = next((kind for kind in type(model).__mro__ if is_keras_class(kind, "Functional")), None)
        runs_its_graph = base is not None and type(model).call is base.call
        functional = model
    if not runs_its_graph or functional is None:
        return None
    unknown = any(_makes_masks(operation) or _is_optional(operation) for operation in functional.operations)
    return None if unknown else functional


def analyze(functional: Any) -> Graph:
    """List the calls of a Functional model in an order that respects every dependency."""
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
    calls = [
        _call(
            node, read, written, [s for s in dict.fromkeys(read) if last_reader[s] == i and s not in outputs]
        )
        for i, (node, read, written) in enumerate(wired)
    ]
    uses = Counter(slot for call in calls for slot in call.inputs) + Counter(outputs)
    return Graph(tuple(calls), inputs, outputs, slots, uses, functional)


def _call(node: Any, read: tuple[int, ...], written: tuple[int, ...], freed: list[int]) -> Call:
    passed = {name for name, value in node.arguments.kwargs.items() if value is not None}
    return Call(
        layer=node.operation,
        node=node,
        inputs=read,
        outputs=written,
        plain=passed <= {"training"} and _only_tensors(node.arguments.args, len(read)),
        arguments=node.arguments.args if passed <= {"training"} else None,
        last_use=tuple(freed),
    )


def _only_tensors(args: tuple[Any, ...], count: int) -> bool:
    """Whether positional arguments are one tensor, or one list of tensors, and nothing else."""
    import keras

    first = args[0] if len(args) == 1 else None
    tensors = first if isinstance(first, list | tuple) else [first]
    return len(tensors) == count and all(isinstance(t, keras.KerasTensor) for t in tensors)


def _makes_masks(operation: Any) -> bool:
    """Whether an operation, or a layer within it, may leave a mask on its output.

    Keras hangs a mask on the tensor itself, where torch operations would lose it.
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
