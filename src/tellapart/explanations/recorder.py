"""Recorder: runs a network and keeps every layer's inputs and outputs, and the logits.

The run is in float32 and fuses no layers, so what is kept is what the Keras layer of that name computes.
"""

from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.inference.probability_net import Head
from tellapart.lowering import lower
from tellapart.lowering.graph import Call
from tellapart.lowering.layout import to_keras
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.dense import Dense

SMALLEST = 1e-30
"""Probabilities are raised to at least this before their logarithm is taken."""


class _Done(Exception):  # noqa: N818 (no error: it ends a run early)
    """Raised when every wanted layer has run."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """One call of one layer."""

    name: str
    """The layer's name; in a nested model `outer/inner`; from its second call on with `#2`."""

    kind: str
    """The layer's class name."""

    layer: Any
    """The Keras layer, or an operator such as Add."""

    operation: Operation | None
    """The fast-path operation that runs it; None where Keras runs it."""

    raw_inputs: tuple[Tensor, ...]
    """The very tensors that went in, in the engine's layout."""

    raw_outputs: tuple[Tensor, ...]
    """The very tensors that came out; gradients are taken with respect to these."""

    arguments: tuple[Any, ...] | None = None
    """The call's arguments, as in `Call.arguments`: for `x + 1`, a symbolic tensor and 1."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs, (B, ...), in Keras's layout."""
        return tuple(map(to_keras, self.raw_inputs))

    @property
    def output(self) -> Tensor:
        """The first output, (B, ...), in Keras's layout; most layers have no other."""
        return to_keras(self.raw_outputs[0])


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A network's run over a batch of images."""

    layers: tuple[LayerRun, ...]
    """In the order of the calls; empty for a subclassed model."""

    output: Tensor
    """(B, outputs), as the model returns it."""

    logits: Tensor
    """(B, classes); their softmax are the probabilities."""

    def layer(self, name: str) -> LayerRun:
        """Return the call of that name.

        Raises:
            KeyError: there is none.
        """
        return {run.name: run for run in self.layers}[name]


class Recorder:
    """Runs one model and records its layers."""

    def __init__(self, model: Any, head: Head) -> None:
        """Create a recorder.

        Args:
            model: a Keras model; its weights are shared.
            head: what its outputs mean.
        """
        self.net = lower(model, "float32", fused=False)
        self.head = head

    def layer_outputs(self, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of some layers; keep nothing else, and stop after the last of them.

        Args:
            images: as in `run`.
            names: as in `LayerRun.name`.

        Returns:
            Name -> (B, ...) in Keras's layout.

        Raises:
            ConfigError: there is no such layer.
        """
        outputs: dict[str, Tensor] = {}
        existing: list[str] = []
        calls: Counter[str] = Counter()

        def keep(*call: Any) -> None:
            run = _layer_run(calls, *call)
            existing.append(run.name)
            if run.name in names:
                outputs[run.name] = run.output
                if len(outputs) == len(set(names)):
                    raise _Done

        with suppress(_Done), self.net.observed_by(keep):
            self.net(images, training=False)
        if missing := [name for name in names if name not in outputs]:
            available = ", ".join(existing) or "none that can be seen, because it is a subclassed model"
            raise ConfigError(f"The network has no layer {missing[0]!r}. Its layers: {available}.")
        return outputs

    def run(self, images: Tensor) -> Recording:
        """Run the model in inference mode and record every layer.

        Args:
            images: (B, H, W, C) float32 pixels 0-255; gradients reach them if they require them.
        """
        runs: list[LayerRun] = []
        calls: Counter[str] = Counter()
        with self.net.observed_by(lambda *call: runs.append(_layer_run(calls, *call))):
            output = self.net(images, training=False)
        return Recording(tuple(runs), output, self._logits(runs, output))

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits, (B, classes), without keeping any layer: for many images."""
        last: deque[LayerRun] = deque(maxlen=1)
        with self.net.observed_by(lambda *call: last.append(_layer_run(Counter(), *call))):
            output = self.net(images, training=False)
        return self._logits(last, output)

    def _logits(self, runs: Sequence[LayerRun], output: Tensor) -> Tensor:
        """Return the softmax's input; where that cannot be seen, the logarithms of the probabilities."""
        if self.head == "logits":
            return output
        before = _before_activation(runs[-1]) if runs else None
        if self.head == "one probability":  # softmax over -z/2 and z/2 is the sigmoid of z
            if before is None:
                before = output.clamp(SMALLEST, 1 - 1e-7).logit()
            return torch.cat([-before / 2, before / 2], dim=-1)
        return output.clamp_min(SMALLEST).log() if before is None else before


def _layer_run(
    calls: Counter[str],
    prefix: str,
    call: Call,
    operation: Operation | None,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> LayerRun:
    name = prefix + call.layer.name
    calls[name] += 1
    return LayerRun(
        name=name if calls[name] == 1 else f"{name}#{calls[name]}",
        kind=type(call.layer).__name__,
        layer=call.layer,
        operation=operation,
        raw_inputs=tuple(inputs),
        raw_outputs=tuple(outputs),
        arguments=call.arguments,
    )


def _before_activation(last: LayerRun) -> Tensor | None:
    """Return the input of the final activation; None where the last layer neither is nor has one."""
    activation = getattr(last.layer, "activation", None)
    name = getattr(activation, "__name__", type(last.layer).__name__.lower())
    if name not in ("softmax", "sigmoid"):
        return None
    if isinstance(last.operation, Dense):
        return last.operation.before_activation(last.inputs[0])
    return None if getattr(last.layer, "weights", ()) else last.inputs[0]  # an operator has none
