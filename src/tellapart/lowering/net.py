"""Net: runs a Keras model's graph on torch operations that share the model's weights.

Nothing is copied. An operation reads the Keras variables' own tensors, so a
weight set by a callback is used at the next batch, and what training changes
is in the Keras model at once. A layer without a rule runs as itself.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from tellapart.keras_internals import (
    model_takes_training,
    one_call_of,
    passes_training_on,
    standardized_inputs,
)
from tellapart.lowering.dtypes import input_dtype, output_dtype
from tellapart.lowering.fuse import fuse
from tellapart.lowering.graph import Call, Graph, analyze, functional_of
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.matching import Matches, match
from tellapart.lowering.ops.base import CastWeight, Operation, as_list


@dataclass(frozen=True, slots=True)
class LoweredLayer:
    """Whether one layer runs lowered; a row of `tellapart summary`."""

    name: str
    kind: str
    lowered: bool


class LoweredNet(nn.Module):
    """A Keras model that torch runs. Call it like the model: inputs and outputs are in Keras's layout."""

    model: Any

    def __init__(self, model: Any, precision: str | None = None, *, fused: bool = True) -> None:
        super().__init__()
        object.__setattr__(self, "model", model)  # not a submodule: its weights would count twice
        self._observer: Callable[..., None] | None = None
        functional = functional_of(model)
        self.graph: Graph | None = None if functional is None else analyze(functional)
        lower_model = partial(_lower_nested, precision=precision, fused=fused)
        matches = Matches() if self.graph is None else match(self.graph, precision, lower_model)
        self.operations = nn.ModuleList(matches.operations)
        self._positions, self._casts = matches.positions, matches.casts
        if self.graph is not None:
            self.input_dtypes = [input_dtype(tensor, precision) for tensor in self.graph.functional.inputs]
            self.output_dtypes = self._output_dtypes(self.graph, precision)
            if fused:
                fuse(self.graph, self.operation_of)
        self._runs_layers = self.keeps_layer_losses()

    @property
    def device(self) -> torch.device:
        """The device that holds the model's weights and runs it."""
        return self.model.weights[0].value.device if self.model.weights else torch.device("cpu")

    def forward(self, inputs: Any, *, training: bool = False) -> Any:
        """Run the model.

        Args:
            inputs: what the Keras model takes; images as (B, H, W, C), any numeric dtype.
            training: whether dropout drops and batch statistics move.

        Returns:
            What the Keras model returns, in its dtype: under a half-precision policy probabilities are
            rounded as Keras rounds them. A net lowered in a given precision does not round its outputs to
            half precision: probabilities are float32.
        """
        if self.graph is None:
            return self.model(inputs, **({"training": training} if model_takes_training(self.model) else {}))
        with one_call_of(self.model) if self._runs_layers else nullcontext():
            return self._run(self.graph, inputs, training)

    def _output_dtypes(self, graph: Graph, precision: str | None) -> list[torch.dtype | None]:
        """Return the dtype that each output is cast to; what a layer run as itself returns is not touched."""
        as_themselves = {
            slot for call in graph.calls if self.operation_of(call) is None for slot in call.outputs
        }
        return [
            None if slot in as_themselves else output_dtype(tensor, precision)
            for slot, tensor in zip(graph.outputs, graph.functional.outputs, strict=True)
        ]

    def _run(self, graph: Graph, inputs: Any, training: bool) -> Any:
        values = self._enter(inputs)
        for call in graph.calls:
            operation = self.operation_of(call)
            if operation is None:
                results = self._run_keras(call, values, training)
            else:
                results = as_list(operation(*self._inputs_of(call, values), training=training))
            if self._observer is not None and not isinstance(operation, Nested):
                self._observer(call, operation, [values[slot] for slot in call.inputs], results)
            for slot in call.last_use:
                del values[slot]
            values.update(zip(call.outputs, results, strict=True))
        return self._leave(values)

    def _inputs_of(self, call: Call, values: dict[int, Tensor]) -> list[Tensor]:
        """Return a call's inputs, floating-point ones in the dtype that the layer computes in."""
        tensors, dtype = [values[slot] for slot in call.inputs], self._casts.get(id(call.node))
        return tensors if dtype is None else [x.to(dtype) if x.is_floating_point() else x for x in tensors]

    def report(self) -> list[LoweredLayer]:
        """Return one row for each layer, in the order of its first call.

        A nested model's layers are named `outer/inner`.
        """
        if self.graph is None:
            return [LoweredLayer(layer.name, type(layer).__name__, False) for layer in self.model.layers]
        rows: dict[str, LoweredLayer] = {}
        for call in self.graph.calls:
            operation, layer = self.operation_of(call), call.layer
            if isinstance(operation, Nested):
                own_rows = [replace(row, name=f"{layer.name}/{row.name}") for row in operation.net.report()]
            else:
                own_rows = [LoweredLayer(layer.name, type(layer).__name__, operation is not None)]
            rows.update({row.name: row for row in own_rows if row.name not in rows})
        return list(rows.values())

    @contextmanager
    def observed_by(self, observer: Callable[..., None], prefix: str = "") -> Iterator[None]:
        """Call `observer(prefix, call, operation, inputs, outputs)` after each call within the block.

        A nested model is not one call: each of its own calls is observed, with the prefix "outer/".
        The operation is None where a layer runs as itself. Tensors are in the lowered layout.
        """
        with ExitStack() as inner:
            for call in self.graph.calls if self.graph is not None else ():
                operation = self.operation_of(call)
                if isinstance(operation, Nested):
                    inner.enter_context(operation.net.observed_by(observer, f"{prefix}{call.layer.name}/"))
            self._observer = partial(observer, prefix)
            try:
                yield
            finally:
                self._observer = None

    def lowered_layers(self) -> list[Any]:
        """Return the Keras layers and operators whose settings this net read when it was built, nested ones too.

        A nested model is among them: that it runs by its graph was read as well.
        """
        layers: dict[int, Any] = {}
        for call in () if self.graph is None else self.graph.calls:
            operation = self.operation_of(call)
            if isinstance(operation, Nested):
                layers.update({id(layer): layer for layer in operation.net.lowered_layers()})
            if operation is not None:
                layers[id(call.layer)] = call.layer
        return list(layers.values())

    def keeps_layer_losses(self) -> bool:
        """Return whether some layer runs as itself and may therefore add losses when it is called."""
        if self.graph is None:
            return True
        nested = (op.net.keeps_layer_losses() for op in self.operations if isinstance(op, Nested))
        return any(self.operation_of(call) is None for call in self.graph.calls) or any(nested)

    @cached_property
    def can_split_batches(self) -> bool:
        """Whether training on parts of a batch at once changes nothing but the order of sums.

        False with batch statistics, and with a layer that runs as itself, which may have some. False in
        float32, where even the order of sums is Keras's.
        """
        parts = list(self._parts())
        coupled = self.keeps_layer_losses() or any(part.couples_images for part in parts)
        return not coupled and not any(
            part.dtype == torch.float32 for part in parts if part.castable_weights()
        )

    @cached_property
    def recordable(self) -> bool:
        """Whether a CUDA graph of a training step may be replayed for the next ones."""
        return not self.keeps_layer_losses() and all(part.recordable for part in self._parts())

    @property
    def output_size(self) -> int:
        """How many numbers the model returns for one image; 0 where its output is not one (B, n) tensor."""
        structure = () if self.graph is None else self.graph.functional.output
        shape: Sequence[Any] = getattr(structure, "shape", ())
        return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 0

    def cast_weights(self, trainable: Container[int]) -> list[CastWeight]:
        """Cast the weights once, for all uses until `drop_cast_weights`; see `Operation.cast_weights`."""
        return [weight for part in self._parts() for weight in part.cast_weights(trainable)]

    def drop_cast_weights(self) -> None:
        """Cast the weights at every use again."""
        for part in self._parts():
            part.drop_cast_weights()

    def _parts(self) -> Iterator[Operation]:
        return (part for part in self.modules() if isinstance(part, Operation))

    def operation_of(self, call: Call) -> Operation | None:
        """Return the operation of a call; None where its layer runs as itself."""
        position = self._positions.get(id(call.node))
        return None if position is None else self.operations[position]  # type: ignore[return-value]

    def _enter(self, inputs: Any) -> dict[int, Tensor]:
        assert self.graph is not None
        symbolic = self.graph.functional.inputs
        single = torch.is_tensor(inputs) and len(symbolic) == 1 and inputs.ndim == len(symbolic[0].shape)
        tensors = [inputs] if single else standardized_inputs(self.graph.functional, inputs)
        return {
            slot: to_torch(tensor.to(self.device, dtype))
            for slot, tensor, dtype in zip(self.graph.inputs, tensors, self.input_dtypes, strict=True)
        }

    def _leave(self, values: dict[int, Tensor]) -> Any:
        import keras

        assert self.graph is not None
        tensors = [
            to_keras(values[slot] if dtype is None else values[slot].to(dtype))
            for slot, dtype in zip(self.graph.outputs, self.output_dtypes, strict=True)
        ]
        structure = self.graph.functional.output
        single = isinstance(structure, keras.KerasTensor)
        return tensors[0] if single else keras.tree.pack_sequence_as(structure, tensors)

    def _run_keras(self, call: Call, values: dict[int, Tensor], training: bool) -> Sequence[Tensor]:
        """Run a layer as itself, in Keras's layout."""
        import keras

        assert self.graph is not None
        inputs = {
            id(symbol): to_keras(values[slot]).to(getattr(torch, symbol.dtype))
            for symbol, slot in zip(call.node.input_tensors, call.inputs, strict=True)
        }
        args, kwargs = call.node.arguments.fill_in(inputs)
        if passes_training_on(call.layer):
            kwargs = {**kwargs, "training": training}
        return [to_torch(result) for result in keras.tree.flatten(call.layer(*args, **kwargs))]


class Nested(Operation):
    """A whole model used as a layer, with one result or several."""

    def __init__(self, net: LoweredNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor, training: bool) -> Tensor | list[Tensor]:
        import keras

        keras_inputs = [to_keras(tensor) for tensor in inputs]
        results = self.net(keras_inputs[0] if len(inputs) == 1 else keras_inputs, training=training)
        outputs = [to_torch(result) for result in keras.tree.flatten(results)]
        return outputs[0] if len(outputs) == 1 else outputs


def _lower_nested(model: Any, precision: str | None, fused: bool) -> Operation | None:
    has_graph = functional_of(model) is not None
    return Nested(LoweredNet(model, precision, fused=fused)) if has_graph else None


def lower(model: Any, precision: str | None = None, *, fused: bool = True) -> LoweredNet:
    """Lower a Keras model to a torch module that shares its weights.

    Args:
        model: a built Keras model on the torch backend.
        precision: "float32", "bfloat16" or "float16" for the convolutions' and dense layers'
            arithmetic; None: every layer computes as its own dtype policy says. Weights stay as they are.
        fused: whether neighboring operations may become one (`fuse`) or write over each other's results;
            False, where each layer's own result is wanted.

    Returns:
        The lowered net. A model that is neither Sequential nor Functional runs as itself.
    """
    return LoweredNet(model, precision, fused=fused)
