"""Optimizers: one update of all weights from their gradients.

RMSprop, SGD, Adam and AdamW are implemented here on the Keras optimizer's own state
variables, so `model.optimizer` is up to date after every step and is saved with the
model. They do Keras's arithmetic in Keras's order, to the last bit, but in few
calls: on pieces that stay in the processor's cache, each a part of one large weight
or many small weights. Any other optimizer, or one with clipping, averaging
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
    is_as_keras_made_it,
    refuse_unknown_variables,
    second_moments,
    steps_taken,
)
from tellapart.training.optim.schedules import rate_in_place

PIECE = 1 << 18
"""Numbers per piece, 1 MiB of float32: with two threads, each thread's share of weights, state and scratch stays in
its cache. Measured for 1.25 million weights on two cores, before small weights were grouped: 2.0 ms; with pieces of
2^16 2.7 ms, of 2^20 2.2 ms; with one Python thread for each half 2.5 ms."""

Tensors = list[Tensor]

Results = list[Tensor] | tuple[Tensor, ...]
"""What one torch call for many tensors returns."""

Rate = float | Tensor
"""A number; on a GPU a scalar there, so that nothing waits for the GPU."""

Update = Callable[[Any, Tensors, Tensors, Sequence[Tensors], Rate], None]
"""(optimizer, weights, gradients, states by kind, rate): all tensors flat, with the same lengths in each list."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Weights updated at once: several whole ones, or a part of one."""

    indices: list[int]
    """Indices of the weights in the model."""

    part: slice
    """Which numbers of each weight."""

    weights: Tensors

    states: list[Tensors]
    """For each kind of state, the tensors of these weights."""

    scratch: Tensors
    """Buffers for the gradients of these weights in float32."""

    factor: float
    """What the optimizer's learning rate is multiplied by for these weights."""

    def sum_gradients(self, terms: Sequence[Tensors]) -> Tensors:
        """Return the gradients of these weights in float32.

        Args:
            terms: for each weight of the model, the flat tensors whose sum is its gradient.
        """
        parts = [[tensor[self.part] for tensor in terms[index]] for index in self.indices]
        first = [tensors[0] for tensors in parts]
        if all(len(tensors) == 1 and tensors[0].dtype == torch.float32 for tensors in parts):
            return first
        torch._foreach_copy_(self.scratch, first)
        for total, (_, *rest) in zip(self.scratch, parts, strict=True):
            for tensor in rest:
                total.add_(tensor)
        return self.scratch


class KerasOptimizer:
    """Applies gradients through the Keras optimizer itself."""

    recordable = False
    """Whether an update reads nothing on the host, so that a CUDA graph can record it."""

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        self.optimizer = optimizer
        self.variables = list(variables)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss whose gradients `apply` expects."""
        return self.optimizer.scale_loss(loss)

    def frozen(self) -> Sequence[Tensor]:
        """Return the weights that the next step does not update, so that their gradients are not needed."""
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
    """Applies Keras's update natively, piece by piece."""

    def __init__(
        self, optimizer: Any, variables: Sequence[Any], factors: Sequence[float] | None = None
    ) -> None:
        """Prepare updates on the optimizer's own state.

        Args:
            optimizer: a built Keras optimizer with a native form.
            variables: the weights.
            factors: for each weight, what the learning rate is multiplied by; None: 1.
        """
        super().__init__(optimizer, variables)
        refuse_unknown_variables(optimizer, self.variables)
        self.factors = [1.0] * len(self.variables) if factors is None else list(factors)
        self.update, state_of = _NATIVE[type(optimizer).__name__]
        self.decaying = self._decaying()
        indices = [index_in(optimizer, variable) for variable in self.variables]
        weights = [variable.value.detach().view(-1) for variable in self.variables]
        states = [[kind[index].value.view(-1) for index in indices] for kind in state_of(optimizer)]
        self.pieces = _pieces(weights, states, self.factors)
        self.recordable = weights[0].device.type == "cuda" and rate_in_place(optimizer) is not None

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once; arguments as in `KerasOptimizer.apply`."""
        if not all(gradients):
            super().apply(gradients)  # Keras warns by name of weights that the loss does not reach
            return
        rate = rate_in_place(self.optimizer) if self.recordable else current_learning_rate(self.optimizer)
        assert rate is not None
        for factor, weights in self.decaying.items():
            torch._foreach_mul_(weights, 1 - self.optimizer.weight_decay * (rate * factor))
        corrected = self._corrected(rate)
        step = corrected if self.recordable else float(corrected)
        flat = [[part.reshape(-1) for part in parts] for parts in gradients]
        for piece in self.pieces:
            own_step = step * piece.factor
            self.update(self.optimizer, piece.weights, piece.sum_gradients(flat), piece.states, own_step)
        steps_taken(self.optimizer).value.add_(1)

    def _decaying(self) -> dict[float, Tensors]:
        """Return the weights that decay, by the factor of their learning rate."""
        weights: dict[float, Tensors] = {}
        if self.optimizer.weight_decay is not None:
            for variable, factor in zip(self.variables, self.factors, strict=True):
                if decays(self.optimizer, variable):
                    weights.setdefault(factor, []).append(variable.value)
        return weights

    def _corrected(self, rate: Tensor) -> Tensor:
        """Return the rate, for Adam corrected for averages that start at zero; in float32, as Keras computes it."""
        options = self.optimizer
        if self.update is not adam:
            return rate
        step = (steps_taken(options).value + 1).float()
        mean_correction = 1 - torch.pow(torch.full_like(step, options.beta_1), step)
        square_correction = 1 - torch.pow(torch.full_like(step, options.beta_2), step)
        return rate * torch.sqrt(square_correction) / mean_correction


def _pieces(weights: Tensors, states: Sequence[Tensors], factors: Sequence[float]) -> list[Piece]:
    """Cut large weights and group small ones of one factor.

    On a GPU all of one factor form one piece: launches cost more than memory there.
    """
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
        if not together or len(flat) > left or factors[index] != factors[together[-1][0]]:
            together.append([])
            left = room
        together[-1].append(index)
        left -= len(flat)
    groups = cut + [(group, slice(None)) for group in together]
    return [_piece(weights, states, scratch, group, part, factors[group[0]]) for group, part in groups]


def _piece(
    weights: Tensors,
    states: Sequence[Tensors],
    scratch: Tensor,
    indices: list[int],
    part: slice,
    factor: float,
) -> Piece:
    own_weights = [weights[index][part] for index in indices]
    own_states = [[kind[index][part] for index in indices] for kind in states]
    room = scratch[: sum(map(len, own_weights))].split([len(weight) for weight in own_weights])
    return Piece(indices, part, own_weights, own_states, list(room), factor)


def current_learning_rate(optimizer: Any) -> Tensor:
    """Return the learning rate of the next step, a float32 scalar.

    It is read at every step, because callbacks may set it between two steps.
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
    """Apply gradient descent, with momentum if configured. Source: Sutskever et al. 2013."""
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
    """Apply Adam, or AdamW if the weights were decayed before. Sources: Kingma & Ba 2015, Loshchilov & Hutter 2019."""
    mean, square = states
    torch._foreach_mul_(mean, options.beta_1)
    torch._foreach_add_(mean, gradients, alpha=1 - options.beta_1)
    torch._foreach_mul_(square, options.beta_2)
    torch._foreach_add_(square, torch._foreach_mul(gradients, gradients), alpha=1 - options.beta_2)
    root = torch._foreach_sqrt(square)
    torch._foreach_add_(root, options.epsilon)
    _subtract_ratios(weights, mean, root, rate)


def _subtract(weights: Tensors, changes: Results, rate: Rate) -> None:
    """Subtract from each weight the rate times its change."""
    if isinstance(rate, Tensor):
        torch._foreach_sub_(weights, torch._foreach_mul(changes, rate))
    else:
        torch._foreach_add_(weights, changes, alpha=-rate)


def _subtract_ratios(weights: Tensors, changes: Results, roots: Results, rate: Rate) -> None:
    """Subtract from each weight the rate times its change divided by its root."""
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
"""Keras class name -> its update, and the lists of state variables that the update changes."""

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
"""Options that the native updates do not support."""


def optimizer_of(model: Any) -> KerasOptimizer:
    """Return the optimizer of a compiled model, native where that is exact."""
    optimizer, variables = model.optimizer, model.trainable_variables
    if not optimizer.built:
        optimizer.build(variables)
    return (NativeOptimizer if has_native_form(optimizer, variables) else KerasOptimizer)(
        optimizer, variables
    )


def has_native_form(optimizer: Any, variables: Sequence[Any]) -> bool:
    """Return whether the native update does all that this optimizer would do."""
    return (
        len(variables) > 0
        and is_as_keras_made_it(optimizer)
        and type(optimizer).__name__ in _NATIVE
        and not any(getattr(optimizer, name, None) for name in _EXTRAS)
        and not any(v.constraint is not None or v.overwrite_with_gradient for v in variables)
        and all(v.value.dtype == torch.float32 and v.value.is_contiguous() for v in variables)
    )
