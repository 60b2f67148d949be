"""Record: one run of a network with every layer's input and output kept, and what it says before the softmax.

The run is in float32, and no operation is joined with its neighbor: what is kept
is what the Keras layer of that name gives, in Keras's layout.
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
"""A probability below counts as this one where its logarithm is taken."""


class _AllFound(Exception):  # noqa: N818 (no error: it ends a run early)
    """Nothing more is to be run."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """One call of one layer."""

    name: str
    """The layer's, a nested model's as `outer/inner`; from its second call on with `#2`."""

    kind: str
    """Its class."""

    layer: Any
    """Of Keras; or an operator such as Add."""

    operation: Operation | None
    """What runs it; None where it runs as itself."""

    taken: tuple[Tensor, ...]
    """What went in, the very tensors, in the engine's layout."""

    given: tuple[Tensor, ...]
    """What came out, the same; gradients are taken of these."""

    arguments: tuple[Any, ...] | None = None
    """What it is called with, as `Call.arguments` tells it: of `x + 1` a symbolic tensor and 1."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """(B, ...), in Keras's layout."""
        return tuple(map(to_keras, self.taken))

    @property
    def output(self) -> Tensor:
        """(B, ...), in Keras's layout; the first, of most layers the only one."""
        return to_keras(self.given[0])


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A network's run over some pictures."""

    layers: tuple[LayerRun, ...]
    """In the order of the calls; empty where only the model's own code knows them."""

    output: Tensor
    """(B, outputs), as the model gives it."""

    logits: Tensor
    """(B, classes): their softmax is the answer."""

    def layer(self, name: str) -> LayerRun:
        """The call of that name.

        Raises:
            KeyError: there is none.
        """
        return {run.name: run for run in self.layers}[name]


class Recorder:
    """Runs one model, recording."""

    def __init__(self, model: Any, head: Head) -> None:
        """A recorder.

        Args:
            model: Keras's; its weights are shared.
            head: what its outputs mean.
        """
        self.net = lower(model, "float32", fused=False)
        self.head = head

    def layer_outputs(self, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """What some layers give, (B, ...) in Keras's layout; nothing else is kept, and what comes after is not run.

        Args:
            images: as `run` takes them.
            names: the layers', as `LayerRun` names them.

        Raises:
            ConfigError: there is no such layer.
        """
        found: dict[str, Tensor] = {}
        met: list[str] = []
        seen: Counter[str] = Counter()

        def told(*call: Any) -> None:
            run = _layer_run(seen, *call)
            met.append(run.name)
            if run.name in names:
                found[run.name] = run.output
                if len(found) == len(set(names)):
                    raise _AllFound

        with suppress(_AllFound), self.net.observed_by(told):
            self.net(images, training=False)
        if missing := [name for name in names if name not in found]:
            there = ", ".join(met) or "none that can be seen"
            raise ConfigError(f"The network has no layer {missing[0]!r}. It has: {there}.")
        return found

    def run(self, images: Tensor) -> Recording:
        """Run the model as it answers: dropout off.

        Args:
            images: (B, H, W, C) float32 pixels 0-255; gradients reach them where they are wanted.
        """
        found: list[LayerRun] = []
        seen: Counter[str] = Counter()
        with self.net.observed_by(lambda *told: found.append(_layer_run(seen, *told))):
            output = self.net(images, training=False)
        return Recording(tuple(found), output, self._logits(found, output))

    def logits(self, images: Tensor) -> Tensor:
        """What `run` gives as such, (B, classes), with no layer kept: for many pictures."""
        found: deque[LayerRun] = deque(maxlen=1)
        with self.net.observed_by(lambda *told: found.append(_layer_run(Counter(), *told))):
            output = self.net(images, training=False)
        return self._logits(found, output)

    def _logits(self, found: Sequence[LayerRun], output: Tensor) -> Tensor:
        """What the softmax is taken of; where there is none to see, logarithms of the probabilities."""
        if self.head == "logits":
            return output
        before = _before_activation(found[-1]) if found else None
        if self.head == "one probability":  # softmax over -z/2 and z/2 is the sigmoid of z
            if before is None:
                before = output.clamp(SMALLEST, 1 - 1e-7).logit()
            return torch.cat([-before / 2, before / 2], dim=-1)
        return output.clamp_min(SMALLEST).log() if before is None else before


def _layer_run(
    seen: Counter[str],
    prefix: str,
    call: Call,
    operation: Operation | None,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> LayerRun:
    name = prefix + call.layer.name
    seen[name] += 1
    return LayerRun(
        name=name if seen[name] == 1 else f"{name}#{seen[name]}",
        kind=type(call.layer).__name__,
        layer=call.layer,
        operation=operation,
        taken=tuple(inputs),
        given=tuple(outputs),
        arguments=call.arguments,
    )


def _before_activation(last: LayerRun) -> Tensor | None:
    """What went into the activation that the last layer is, or ends in; None where it is neither."""
    activation = getattr(last.layer, "activation", None)
    name = getattr(activation, "__name__", type(last.layer).__name__.lower())
    if name not in ("softmax", "sigmoid"):
        return None
    if isinstance(last.operation, Dense):
        return last.operation.before_activation(last.inputs[0])
    return None if getattr(last.layer, "weights", ()) else last.inputs[0]  # an operator has none
