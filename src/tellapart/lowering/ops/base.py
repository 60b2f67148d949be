"""What operations share: `Operation` itself, its simplest kinds, and the parts that rules are made of.

An operation is the torch module of one kind of layer. It holds the layer's weights *in Keras's own shapes* and
does Keras's arithmetic on them. Images are (B, C, H, W) here, see `lowering/layout.py`.

In float32 Keras adds a bias after the product, which rounds differently and sums the bias's gradient in another
order. Done in the same way, training equals Keras's bit for bit. In lower precision there are no bits to
match, and adding within the product is faster.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tellapart.lowering.layout import image_to_sequence, sequence_to_image, to_keras, to_torch
from tellapart.lowering.ops.activations import ACTIVATIONS

Config = Mapping[str, Any]
"""A layer's settings, as its `get_config` returns them."""


def as_list(results: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """Return what an operation returned as a list."""
    return [results] if isinstance(results, Tensor) else list(results)


class CastWeight(NamedTuple):
    """A weight cast once a step instead of at every use."""

    master: Tensor
    """Keras's own tensor, float32."""

    view: Tensor
    """A view of `master` in the operation's layout."""

    value: Tensor
    """`view` in the operation's dtype: the leaf of which gradients are taken."""

    def gradient_of_master(self, gradient: Tensor) -> Tensor:
        """Return a gradient of `value` in the layout of `master`, its dtype unchanged."""
        if self.view is self.master:
            return gradient
        return torch.autograd.grad(self.view, self.master, gradient)[0]


class Operation(nn.Module):
    """One layer of a lowered net. `forward(*inputs, training)` returns one tensor, or a list of several."""

    overwritable = False
    """Whether the output is a new tensor that nothing keeps for its backward pass,
    so that an activation right after may write over it."""

    couples_images = False
    """Whether, in training, the output for one image depends on the others of its batch."""

    recordable = True
    """Whether a CUDA graph of it may be replayed: it asks nobody for random numbers but torch."""

    dtype: torch.dtype = torch.float32
    """The dtype to compute in."""

    def __init__(self) -> None:
        super().__init__()
        self._cast_values: dict[str, Tensor] = {}

    def belongs_to(self, layer: Any) -> None:
        """Note the Keras layer, for an operation that asks it for more than its config and weights."""

    def called_with(self, names: Sequence[str], settings: Mapping[str, Any]) -> "Operation | None":
        """Return the operation of a call whose tensors and further arguments have these names; None: not supported."""
        return None

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the weights that are cast before use: name -> (Keras's tensor, a view in the layout used here)."""
        return {}

    def cast_weights(self, trainable: Container[int]) -> list[CastWeight]:
        """Cast the weights once, for every use until `drop_cast_weights`; nothing to do in float32.

        Args:
            trainable: ids of the tensors that need gradients.
        """
        if self.dtype == torch.float32:
            return []
        cast_weights = []
        for name, (master, view) in self.castable_weights().items():
            value = _cast(view.detach(), self.dtype).requires_grad_(id(master) in trainable)
            self._cast_values[name] = value
            cast_weights.append(CastWeight(master, view, value))
        return cast_weights

    def drop_cast_weights(self) -> None:
        """Cast at every use again."""
        self._cast_values = {}

    def cast(self, name: str) -> Tensor:
        """Return the weight of that name in `castable_weights`, in the operation's dtype."""
        value = self._cast_values.get(name)
        return _cast(self.castable_weights()[name][1], self.dtype) if value is None else value


def _cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    memory = torch.channels_last if weight.ndim == 4 else torch.preserve_format
    return weight.to(dtype, memory_format=memory)


class FunctionOperation(Operation):
    """A layer that is one pure function of its inputs, without weights."""

    def __init__(
        self, function: Callable[..., Tensor | Sequence[Tensor]], *, overwritable: bool = False
    ) -> None:
        super().__init__()
        self.function = function
        self.overwritable = overwritable

    def forward(self, *inputs: Tensor, training: bool) -> Tensor | Sequence[Tensor]:
        return self.function(*inputs)


class KernelOperation(Operation):
    """What dense layers and convolutions share: a kernel, perhaps a bias, and an activation."""

    def __init__(
        self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype, *, has_bias: bool
    ) -> None:
        super().__init__()
        self.kernel = weights[0]
        self.bias = weights[1] if has_bias else None
        self.activation = config["activation"]
        self.overwritable = self.activation == "linear"
        self.dtype = dtype

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {"kernel": (self.kernel, self.torch_kernel())}
        return weights if self.bias is None else weights | {"bias": (self.bias, self.bias)}

    def torch_kernel(self) -> Tensor:
        """Return a view of Keras's kernel in the layout used here."""
        return self.kernel


class SequenceOperation(Operation):
    """An operation of images applied to sequences, (B, T, C), as to images one pixel high."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return image_to_sequence(self.operation(sequence_to_image(x), training=training))


def in_keras_layout(function: Callable[..., Tensor]) -> FunctionOperation:
    """Return the operation that applies a function to tensors in Keras's layout."""
    return FunctionOperation(lambda *inputs: to_torch(function(*map(to_keras, inputs))))


Rule = Callable[[Config, Sequence[Tensor], torch.dtype], Operation | None]
"""(config, weights in Keras's shapes and order, dtype to compute in) -> operation; None: the layer runs as itself."""


def function_rule(function: Callable[..., Tensor], *, overwritable: bool = False) -> Rule:
    """Return the rule of a layer that is one function, whatever its config."""
    return lambda *_: FunctionOperation(function, overwritable=overwritable)


def sequence_rule(rule: Rule) -> Rule:
    """Return the rule of a 1D layer, made from that of the same layer in 2D."""

    def rule_of_sequences(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
        operation = rule(as_image_config(config), weights, dtype)
        return None if operation is None else SequenceOperation(operation)

    return rule_of_sequences


def as_image_config(config: Config) -> dict[str, Any]:
    """Return a 1D layer's config as that of the 2D layer on images one pixel high."""
    neutral = {"pool_size": 1, "strides": 1, "dilation_rate": 1, "output_padding": 0}
    given = {name: fill for name, fill in neutral.items() if config.get(name) is not None}
    return {**config, **{name: (fill, *config[name]) for name, fill in given.items()}}


def is_channels_last(config: Config) -> bool:
    """Return whether the layer's channels are Keras's last axis, the only order that runs lowered."""
    return config.get("data_format", "channels_last") in ("channels_last", None)


def has_known_activation(config: Config) -> bool:
    """Return whether the layer's own activation is in `ACTIVATIONS`."""
    return isinstance(config["activation"], str) and config["activation"] in ACTIVATIONS


def over_axes(axes: int | Sequence[int], operation: Operation) -> Operation:
    """Mark an operation over Keras's `axes` as coupling the images of a batch where it may.

    Axis 0 is the batch; a negative one other than -1 may be, for the tensor's rank is not known here.
    """
    every = [axes] if isinstance(axes, int) else axes
    operation.couples_images = any(axis == 0 or axis < -1 for axis in every)
    return operation
