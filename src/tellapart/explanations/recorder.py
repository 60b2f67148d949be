"""Recorder: runs a network and keeps every layer's inputs and outputs, and the logits.

The run is in float32 and fuses no layers, so what is kept is what the Keras layer of that name computes. Logits
alone, and the output of one layer, come from folded nets, which compute the same but for rounding.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.explanations.logits_net import (
    NORMALIZING,
    LogitsNet,
    activation_of,
    logits_net,
    logits_of,
    probabilities_of,
)
from tellapart.explanations.randomized import randomized_net, randomized_stored_net
from tellapart.inference.folded_net import InferenceNet, inference_net
from tellapart.inference.probability_net import Head
from tellapart.inference.stored_net import StoredNet
from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.graph import Call
from tellapart.lowering.layout import to_keras
from tellapart.lowering.ops.base import Operation
from tellapart.lowering.ops.dense import Dense
from tellapart.pages.card import Readable
from tellapart.text import counted


class _Done(Exception):  # noqa: N818 (no error: it ends a run early)
    """Raised when every wanted layer has run."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun(Readable):
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
class Recording(Readable):
    """A network's run over a batch of images."""

    layers: tuple[LayerRun, ...]
    """In the order of the calls; empty for a subclassed model."""

    output: Tensor
    """(B, outputs), as the model returns it."""

    logits: Tensor
    """(B, classes); their softmax are the probabilities, or of several labels their sigmoids."""

    def _parts(self) -> list[str]:
        return [counted(len(self.layers), "layer"), *(f"{each.name}" for each in self.layers)]

    def layer(self, name: str) -> LayerRun:
        """Return the call of that name.

        Raises:
            KeyError: there is none.
        """
        return {run.name: run for run in self.layers}[name]


class Recorder(Readable):
    """Runs one model and records its layers."""

    def __init__(self, model: Any, head: Head) -> None:
        """Create a recorder.

        Args:
            model: a Keras model; its weights are shared, but logits are computed with those of the first call.
            head: what its outputs mean.
        """
        self.head = head
        self._load_net: Callable[[], LoweredNet] = lambda: lower(model, "float32", fused=False)
        self._load_stored: Callable[[], StoredNet] | None = None
        self._randomized: dict[int, Recorder] = {}

    @classmethod
    def of_stored(cls, stored: StoredNet, head: Head, load_model: Callable[[], Any]) -> "Recorder":
        """Return a recorder that computes logits without Keras, and loads the model when a layer is asked for."""
        return cls._lazy(head, lambda: lower(load_model(), "float32", fused=False), lambda: stored)

    @classmethod
    def _lazy(
        cls, head: Head, load_net: Callable[[], LoweredNet], load_stored: Callable[[], StoredNet] | None
    ) -> "Recorder":
        recorder = cls(None, head)
        recorder._load_net, recorder._load_stored = load_net, load_stored
        return recorder

    @cached_property
    def net(self) -> LoweredNet:
        """The network, unfused."""
        return self._load_net()

    @cached_property
    def stored(self) -> StoredNet | None:
        """The same network read without Keras; None where it was not."""
        return None if self._load_stored is None else self._load_stored()

    @property
    def divides(self) -> bool:
        """Whether several threads may ask for logits at once."""
        return self._logits_net is not None

    @cached_property
    def _logits_net(self) -> LogitsNet | None:
        with _outside_inference_mode():
            return logits_net(self.net if self.stored is None else self.stored, self.head)

    def randomized(self, seed: int) -> "Recorder":
        """Return a recorder of the same network with shuffled weights, made once for each seed.

        Raises:
            ValueError: the model cannot be cloned, because only its own code knows how to build it.
        """
        if seed not in self._randomized:
            stored = self.stored
            if stored is None:
                net = randomized_net(self.net, seed)
                made = Recorder._lazy(self.head, lambda: net, None)
            else:
                made = Recorder._lazy(
                    self.head,
                    lambda: randomized_net(self.net, seed),
                    lambda: randomized_stored_net(stored, seed),
                )
            self._randomized[seed] = made
        return self._randomized[seed]

    def part(self, layer: str) -> InferenceNet | None:
        """Return the network up to a layer, folded: images -> the layer's output, in Keras's layout.

        Gradients reach images that require them, and several threads may call it at once. None where the network
        cannot be folded, or the layer is inside a nested model or called more than once.
        """
        graph = self.net.graph
        calls = [] if graph is None else [call for call in graph.calls if call.layer.name == layer]
        with _outside_inference_mode():
            return inference_net(self.net, until=calls[0].outputs[0]) if len(calls) == 1 else None

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
        return Recording(tuple(runs), output, self._logits_of(runs, output))

    def weights(self) -> Iterable[NDArray[Any]]:
        """Return the weights, in the order of Keras's `get_weights`."""
        if self.stored is None:
            return self.net.model.get_weights()
        return (weight.numpy() for weight in self.stored.weights())

    def count_outputs(self, images: Tensor) -> int:
        """Return how many numbers the layers' outputs hold together; images as in `run`."""
        if self.stored is None:
            return sum(run.raw_outputs[0].numel() for run in self.run(images).layers)
        sizes: list[int] = []
        hooks = [
            operation.register_forward_hook(lambda *call: sizes.append(call[-1].numel()))
            for operation in self.stored.operations
        ]
        self.stored(images)
        for hook in hooks:
            hook.remove()
        return sum(sizes)

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits, (B, classes), without keeping any layer: for many images, on every core."""
        if self._logits_net is not None:
            return self._logits_net(images)
        last: deque[LayerRun] = deque(maxlen=1)
        with self.net.observed_by(lambda *call: last.append(_layer_run(Counter(), *call))):
            output = self.net(images, training=False)
        return self._logits_of(last, output)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probabilities of logits: (B, classes) each."""
        return probabilities_of(self.head, logits)

    def _logits_of(self, runs: Sequence[LayerRun], output: Tensor) -> Tensor:
        return logits_of(self.head, output, _before_activation(runs[-1]) if runs else None)


@contextmanager
def _outside_inference_mode() -> Iterator[None]:
    """Let what is made within the block take part in gradients later, whatever the caller's mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


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
    if activation_of(last.layer) not in NORMALIZING:
        return None
    if isinstance(last.operation, Dense):
        return last.operation.before_activation(last.inputs[0])
    return None if getattr(last.layer, "weights", ()) else last.inputs[0]  # an operator has none
