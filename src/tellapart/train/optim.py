"""Optimisers: one update of all weights from their gradients.

RMSprop, SGD, Adam and AdamW are written here on the Keras optimiser's own state
variables, so `model.optimizer` is true after every step and is saved with the
model. They do Keras's arithmetic in Keras's order, to the last bit, but in
pieces that stay in the processor's cache and without temporary tensors. Any
other optimiser, or one with clipping, averaging or gradient accumulation, runs
through Keras's object.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tellapart.lower.graph import is_keras_class

PIECE = 1 << 18
"""Numbers per piece, 1 MiB of float32: with two threads, each one's share of weights, state and scratch stays in
its cache. Measured for 1.25 million weights on two cores: 2.0 ms, in pieces of 2^16 2.7, of 2^20 2.2; a thread of
Python for each half 2.5."""

Update = Callable[[Any, Tensor, Tensor, Sequence[Tensor], Tensor, Sequence[Tensor]], None]
"""(optimiser, weights, gradient, state, rate, two scratch tensors), all flat and of one length."""


class KerasOptimizer:
    """Applies gradients through the Keras optimiser itself."""

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        self.optimizer = optimizer
        self.variables = list(variables)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss whose gradients `apply` expects."""
        return self.optimizer.scale_loss(loss)

    def resting(self) -> Sequence[Tensor]:
        """Weights that the next step leaves as they are, so that their gradients are not asked for."""
        return ()

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once.

        Args:
            gradients: for each weight, the tensors whose sum is its gradient; none where the loss does
                not reach it.
        """
        summed = [sum(parts[1:], parts[0].float()) if parts else None for parts in gradients]
        self.optimizer.apply(summed, self.variables)


class NativeOptimizer(KerasOptimizer):
    """The same update, piece by piece."""

    def __init__(self, optimizer: Any, variables: Sequence[Any]) -> None:
        super().__init__(optimizer, variables)
        optimizer._check_variables_are_known(self.variables)
        self.update, state_of = _NATIVE[type(optimizer).__name__]
        decays = optimizer.weight_decay is not None
        self.decaying = [v.value for v in self.variables if decays and optimizer._use_weight_decay(v)]
        indices = [optimizer._get_variable_index(variable) for variable in self.variables]
        self.weights = [variable.value.detach().view(-1) for variable in self.variables]
        self.states = [[kind[index].value.view(-1) for kind in state_of(optimizer)] for index in indices]
        on_cpu = not self.weights or self.weights[0].device.type == "cpu"
        self.piece = (
            PIECE if on_cpu else max(map(len, self.weights))
        )  # a GPU waits for launches, not for memory
        self.pieces = [
            (weight, slice(start, min(start + self.piece, len(flat))))
            for weight, flat in enumerate(self.weights)
            for start in range(0, len(flat), self.piece)
        ]

    @torch.no_grad()
    def apply(self, gradients: Sequence[Sequence[Tensor]]) -> None:
        """Update every weight once; arguments as in Keras's."""
        if not all(gradients):
            super().apply(gradients)  # Keras says by name which weights the loss does not reach
            return
        rate = current_learning_rate(self.optimizer)
        if self.decaying:
            torch._foreach_mul_(self.decaying, 1 - self.optimizer.weight_decay * rate)
        rate = self._corrected(rate)
        flat = [[part.reshape(-1) for part in parts] for parts in gradients]
        self._update(flat, rate)
        self.optimizer._iterations.value.add_(1)

    def _update(self, gradients: Sequence[Sequence[Tensor]], rate: Tensor) -> None:
        scratch = torch.empty((3, self.piece), device=self.weights[0].device)
        for weight, piece in self.pieces:
            summed, *rest = scratch[:, : piece.stop - piece.start]
            parts = [part[piece] for part in gradients[weight]]
            if len(parts) == 1 and parts[0].dtype == torch.float32:
                (summed,) = parts
            else:
                summed.copy_(parts[0])
                for part in parts[1:]:
                    summed.add_(part)
            state = [kind[piece] for kind in self.states[weight]]
            self.update(self.optimizer, self.weights[weight][piece], summed, state, rate, rest)

    def _corrected(self, rate: Tensor) -> Tensor:
        """Adam's rate, corrected for averages that start at zero; in float32, as Keras computes it."""
        options = self.optimizer
        if self.update is not adam:
            return rate
        step = (options._iterations.value + 1).float()
        lost_mean = 1 - torch.pow(torch.tensor(options.beta_1, device=step.device), step)
        lost_square = 1 - torch.pow(torch.tensor(options.beta_2, device=step.device), step)
        return rate * torch.sqrt(lost_square) / lost_mean


def current_learning_rate(optimizer: Any) -> Tensor:
    """The learning rate of the step about to be made, a float32 scalar.

    Read at each step, because callbacks may set it between any two.
    """
    rate = optimizer._get_current_learning_rate()
    return (rate.value if hasattr(rate, "value") else torch.as_tensor(rate)).detach().float()


def rmsprop(
    options: Any,
    weights: Tensor,
    gradient: Tensor,
    state: Sequence[Tensor],
    rate: Tensor,
    scratch: Sequence[Tensor],
) -> None:
    """Divide each gradient by a moving root mean square of its past. Source: Hinton 2012, lecture 6e."""
    square, momentum = state[0], state[1:]
    root, change = scratch
    square.mul_(options.rho).add_(torch.mul(gradient, gradient, out=root), alpha=1 - options.rho)
    torch.add(square, options.epsilon, out=root).sqrt_()
    torch.mul(gradient, rate, out=change).div_(root)
    if momentum:
        change = momentum[0].mul_(options.momentum).add_(change)
    weights.sub_(change)


def sgd(
    options: Any,
    weights: Tensor,
    gradient: Tensor,
    state: Sequence[Tensor],
    rate: Tensor,
    _: Sequence[Tensor],
) -> None:
    """Gradient descent, with momentum where asked. Source: Sutskever et al. 2013."""
    step = -float(rate)
    if not state:
        weights.add_(gradient, alpha=step)
        return
    momentum = state[0].mul_(options.momentum).add_(gradient, alpha=step)
    if options.nesterov:
        weights.add_(gradient, alpha=step).add_(momentum, alpha=options.momentum)
    else:
        weights.add_(momentum)


def adam(
    options: Any,
    weights: Tensor,
    gradient: Tensor,
    state: Sequence[Tensor],
    rate: Tensor,
    scratch: Sequence[Tensor],
) -> None:
    """Adam; with the decay done before, AdamW. Sources: Kingma & Ba 2015, Loshchilov & Hutter 2019."""
    (mean, square), (root, change) = state, scratch
    mean.mul_(options.beta_1).add_(gradient, alpha=1 - options.beta_1)
    square.mul_(options.beta_2).add_(torch.mul(gradient, gradient, out=root), alpha=1 - options.beta_2)
    torch.sqrt(square, out=root).add_(options.epsilon)
    weights.sub_(torch.mul(mean, rate, out=change).div_(root))


_ADAM = (adam, lambda optimizer: [optimizer._momentums, optimizer._velocities])
_NATIVE: dict[str, tuple[Update, Callable[[Any], list[list[Any]]]]] = {
    "RMSprop": (rmsprop, lambda o: [o._velocities, *([o._momentums] if o.momentum else [])]),
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
    """Whether the native update is all that this optimiser would do."""
    return (
        len(variables) > 0
        and is_keras_class(type(optimizer))
        and type(optimizer).__name__ in _NATIVE
        and not any(getattr(optimizer, name, None) for name in _EXTRAS)
        and not any(v.constraint is not None or v.overwrite_with_gradient for v in variables)
        and all(v.value.dtype == torch.float32 and v.value.is_contiguous() for v in variables)
    )
