"""Optimizers: one update of all weights from their gradients.

RMSprop, SGD, Adam and AdamW are written here on the Keras optimizer's own state
variables, so `model.optimizer` is true after every step and is saved with the
model. They do Keras's arithmetic in Keras's order, to the last bit, but with
few calls: in pieces that stay in the processor's cache, of one large weight or
of many small ones at once. Any other optimizer, or one with clipping, averaging
or gradient accumulation, runs through Keras's object.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import (
    current_rate,
    decays,
    first_moments,
    index_in,
    is_keras_class,
    refuse_unknown_variables,
    second_moments,
    steps_taken,
)
from tellapart.training.optim.schedules import rate_in_place

PIECE = 1 << 18
"""Numbers per piece, 1 MiB of float32: with two threads, each one's share of weights, state and scratch stays in
its cache. Measured for 1.25 million weights on two cores, before small weights were put together: 2.0 ms, in
pieces of 2^16 2.7, of 2^20 2.2; a thread of Python for each half 2.5."""

Tensors = list[Tensor]

Results = list[Tensor] | tuple[Tensor, ...]
"""Of one call for many tensors."""

Rate = float | Tensor
"""A number, or on a GPU a scalar there, so that the GPU need not be waited for."""

Update = Callable[[Any, Tensors, Tensors, Sequence[Tensors], Rate], None]
"""(optimizer, weights, gradients, each kind of state, rate): all flat, the same lengths in each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is updated at once: several whole weights, or a part of one."""

    indices: list[int]
    """Of the weights."""

    part: slice
    """Which numbers of each."""

    weights: Tensors

    states: list[Tensors]
    """For each kind of state, what belongs to these weights."""

    scratch: Tensors
    """Room for gradients of these lengths in float32."""

    def gradients(self, found: Sequence[Tensors]) -> Tensors:
        """The gradients in float32.

        Args:
            found: for each weight of the model, the flat tensors whose sum is its gradient.
        """
        parts = [[tensor[self.part] for tensor in found[index]] for index in self.indices]
        first = [one[0] for one in parts]
        if all(len(one) == 1 and one[0].dtype == torch.float32 for one in parts):
            return first
        torch._foreach_copy_(self.scratch, first)
        for total, (_, *rest) in zip(self.scratch, parts, strict=True):
            for tensor in rest:
                total.add_(tensor)
        return self.scratch


class KerasOptimizer:
    """Applies gradients through the Keras optimizer itself."""

    recordable = False
    """Whether an update asks nothing of the host, so that a GPU can record it."""

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        self.optimizer = optimizer
        self.variables = list(variables)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss whose gradients `apply` expects."""
        return self.optimizer.scale_loss(loss)

    def frozen(self) -> Sequence[Tensor]:
        """Weights that the next step leaves as they are, so that their gradients are not asked for."""
        return ()

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once.

        Args:
            gradients: for each weight, the tensors whose sum is its gradient; none where the loss does
                not reach it.
        """
        summed = [
            sum(parts[1:], parts[0].to(variable.value.dtype)) if parts else None
            for parts, variable in zip(gradients, self.variables, strict=True)
        ]
        self.optimizer.apply(summed, self.variables)


class NativeOptimizer(KerasOptimizer):
    """The same update, piece by piece."""

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        super().__init__(optimizer, variables)
        refuse_unknown_variables(optimizer, self.variables)
        self.update, state_of = _NATIVE[type(optimizer).__name__]
        has_decay = optimizer.weight_decay is not None
        self.decaying = [v.value for v in self.variables if has_decay and decays(optimizer, v)]
        indices = [index_in(optimizer, variable) for variable in self.variables]
        weights = [variable.value.detach().view(-1) for variable in self.variables]
        states = [[kind[index].value.view(-1) for index in indices] for kind in state_of(optimizer)]
        self.pieces = _pieces(weights, states)
        self.recordable = weights[0].device.type == "cuda" and rate_in_place(optimizer) is not None

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once; arguments as in Keras's."""
        if not all(gradients):
            super().apply(gradients)  # Keras says by name which weights the loss does not reach
            return
        rate = rate_in_place(self.optimizer) if self.recordable else current_learning_rate(self.optimizer)
        assert rate is not None
        if self.decaying:
            torch._foreach_mul_(self.decaying, 1 - self.optimizer.weight_decay * rate)
        corrected = self._corrected(rate)
        step = corrected if self.recordable else float(corrected)
        flat = [[part.reshape(-1) for part in parts] for parts in gradients]
        for piece in self.pieces:
            self.update(self.optimizer, piece.weights, piece.gradients(flat), piece.states, step)
        steps_taken(self.optimizer).value.add_(1)

    def _corrected(self, rate: Tensor) -> Tensor:
        """Adam's rate, corrected for averages that start at zero; in float32, as Keras computes it."""
        options = self.optimizer
        if self.update is not adam:
            return rate
        step = (steps_taken(options).value + 1).float()
        lost_mean = 1 - torch.pow(torch.full_like(step, options.beta_1), step)
        lost_square = 1 - torch.pow(torch.full_like(step, options.beta_2), step)
        return rate * torch.sqrt(lost_square) / lost_mean


def _pieces(weights: Tensors, states: Sequence[Tensors]) -> list[Piece]:
    """Cut large weights and put small ones together. On a GPU all are one: it waits for launches, not memory."""
    room = PIECE if weights[0].device.type == "cpu" else sum(map(len, weights))
    scratch = torch.empty(room, device=weights[0].device)
    cut = [
        ([index], slice(at, at + room))
        for index, flat in enumerate(weights)
        if len(flat) > room
        for at in range(0, len(flat), room)
    ]
    together: list[list[int]] = []
    left = 0
    for index, flat in enumerate(weights):
        if len(flat) > room:
            continue
        if not together or len(flat) > left:
            together.append([])
            left = room
        together[-1].append(index)
        left -= len(flat)
    groups = cut + [(group, slice(None)) for group in together]
    return [_piece(weights, states, scratch, *group) for group in groups]


def _piece(
    weights: Tensors, states: Sequence[Tensors], scratch: Tensor, indices: list[int], part: slice
) -> Piece:
    own = [weights[index][part] for index in indices]
    of_kinds = [[kind[index][part] for index in indices] for kind in states]
    room = scratch[: sum(map(len, own))].split([len(one) for one in own])
    return Piece(indices, part, own, of_kinds, list(room))


def current_learning_rate(optimizer: Any) -> Tensor:
    """The learning rate of the step about to be made, a float32 scalar.

    Read at each step, because callbacks may set it between any two.
    """
    rate = current_rate(optimizer)
    return (rate.value if hasattr(rate, "value") else torch.as_tensor(rate)).detach().float()


def rmsprop(
    options: Any, weights: Tensors, gradients: Tensors, states: Sequence[Tensors], rate: Rate
) -> None:
    """Divide each gradient by a moving root mean square of its past. Source: Hinton 2012, lecture 6e."""
    square, *momentum = states
    torch._foreach_mul_(square, options.rho)
    torch._foreach_add_(square, torch._foreach_mul(gradients, gradients), alpha=1 - options.rho)
    root = torch._foreach_add(square, options.epsilon)
    torch._foreach_sqrt_(root)
    if not momentum:
        _subtract_ratios(weights, gradients, root, rate)
        return
    change = torch._foreach_mul(gradients, rate)
    torch._foreach_div_(change, root)
    torch._foreach_mul_(momentum[0], options.momentum)
    torch._foreach_add_(momentum[0], change)
    torch._foreach_sub_(weights, momentum[0])


def sgd(options: Any, weights: Tensors, gradients: Tensors, states: Sequence[Tensors], rate: Rate) -> None:
    """Gradient descent, with momentum where asked. Source: Sutskever et al. 2013."""
    if not states:
        _subtract(weights, gradients, rate)
        return
    (momentum,) = states
    torch._foreach_mul_(momentum, options.momentum)
    _subtract(momentum, gradients, rate)
    if options.nesterov:
        _subtract(weights, gradients, rate)
        torch._foreach_add_(weights, momentum, alpha=options.momentum)
    else:
        torch._foreach_add_(weights, momentum)


def adam(options: Any, weights: Tensors, gradients: Tensors, states: Sequence[Tensors], rate: Rate) -> None:
    """Adam; with the decay done before, AdamW. Sources: Kingma & Ba 2015, Loshchilov & Hutter 2019."""
    mean, square = states
    torch._foreach_mul_(mean, options.beta_1)
    torch._foreach_add_(mean, gradients, alpha=1 - options.beta_1)
    torch._foreach_mul_(square, options.beta_2)
    torch._foreach_add_(square, torch._foreach_mul(gradients, gradients), alpha=1 - options.beta_2)
    root = torch._foreach_sqrt(square)
    torch._foreach_add_(root, options.epsilon)
    _subtract_ratios(weights, mean, root, rate)


def _subtract(weights: Tensors, changes: Results, rate: Rate) -> None:
    """From each weight, the rate times its change."""
    if isinstance(rate, Tensor):
        torch._foreach_sub_(weights, torch._foreach_mul(changes, rate))
    else:
        torch._foreach_add_(weights, changes, alpha=-rate)


def _subtract_ratios(weights: Tensors, changes: Results, roots: Results, rate: Rate) -> None:
    """From each weight, the rate times its change over its root."""
    if isinstance(rate, Tensor):
        _subtract(weights, torch._foreach_div(changes, roots), rate)
    else:
        torch._foreach_addcdiv_(weights, changes, roots, value=-rate)


_ADAM = (adam, lambda optimizer: [first_moments(optimizer), second_moments(optimizer)])
_NATIVE: dict[str, tuple[Update, Callable[[Any], list[list[Any]]]]] = {
    "RMSprop": (rmsprop, lambda o: [second_moments(o), *([first_moments(o)] if o.momentum else [])]),
    "SGD": (sgd, lambda o: [o.momentums] if o.momentum else []),
    "Adam": _ADAM,
    "AdamW": _ADAM,
}
"""Keras class name -> its update, and which lists of its variables the update moves."""

_EXTRAS = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "centered",
    "amsgrad",
)
"""Options that the native updates do not know."""


def optimizer_of(model: Any) -> KerasOptimizer:
    """How to update a compiled model's weights: natively where that is exact."""
    optimizer, variables = model.optimizer, model.trainable_variables
    if not optimizer.built:
        optimizer.build(variables)
    return (NativeOptimizer if has_native_form(optimizer, variables) else KerasOptimizer)(
        optimizer, variables
    )


def has_native_form(optimizer: Any, variables: Sequence[Any]) -> bool:
    """Whether the native update is all that this optimizer would do."""
    return (
        len(variables) > 0
        and is_keras_class(type(optimizer))
        and type(optimizer).__name__ in _NATIVE
        and not any(getattr(optimizer, name, None) for name in _EXTRAS)
        and not any(v.constraint is not None or v.overwrite_with_gradient for v in variables)
        and all(v.value.dtype == torch.float32 and v.value.is_contiguous() for v in variables)
    )
