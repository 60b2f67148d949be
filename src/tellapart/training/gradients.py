"""Gradients: the tensors that they are taken of, and what is left of them for callbacks to see.

Keras on torch leaves each weight's gradient in `variable.value.grad`: from the backward pass of one step, through
its update and the callbacks after it, to the backward pass of the next.
"""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from tellapart.keras_internals import has_gradient_hooks


@contextmanager
def without_gradients(weights: Sequence[Tensor]) -> Iterator[None]:
    """Save nothing for the gradients of these weights within the block."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


class Leaves:
    """The tensors whose gradients are taken: the weights, or their casts for this step."""

    def __init__(self, weights: list[Tensor], casts: list[Any], trainable: Container[int]) -> None:
        """Collect the leaves.

        Args:
            weights: all trainable weights, in the order of their gradients.
            casts: weights that were cast for this step.
            trainable: ids of the weights whose gradients are taken.
        """
        self.count = len(weights)
        position = {id(weight): index for index, weight in enumerate(weights) if id(weight) in trainable}
        used = [cast for cast in casts if id(cast.master) in position]
        self.weight_indices = [position[id(cast.master)] for cast in used] + list(position.values())
        self.casts = [*used, *[None] * len(position)]
        self.tensors = [cast.value for cast in used] + [weights[index] for index in position.values()]

    def gradients(self, parts: list[list[Tensor | None]]) -> list[list[Tensor]]:
        """Return, for each weight, the tensors whose sum is its gradient, of its shape; none where nothing reached it.

        Args:
            parts: for each micro-batch, a gradient or None for each leaf.
        """
        gradients: list[list[Tensor]] = [[] for _ in range(self.count)]
        for leaf, (weight, cast) in enumerate(zip(self.weight_indices, self.casts, strict=True)):
            terms = [gradient for part in parts if (gradient := part[leaf]) is not None]
            if not terms:
                continue
            if cast is None or cast.view is cast.master:
                gradients[weight] += terms
            else:
                total = terms[0].float()
                for gradient in terms[1:]:
                    total = total.add_(gradient)
                gradients[weight].append(cast.gradient_of_master(total))
        return gradients


class VisibleGradients:
    """The gradients of a model's parameters as Keras leaves them."""

    def __init__(self, model: Any, weights: Sequence[Tensor]) -> None:
        """Remember the tensors; nothing changes yet.

        Args:
            model: a built Keras model.
            weights: its trainable weights.
        """
        self.parameters, self.weights = list(model.parameters()), list(weights)

    def watched(self) -> bool:
        """Return whether a weight has hooks, called only in a backward pass that reaches the weight itself."""
        return any(map(has_gradient_hooks, self.weights))

    def clear(self) -> None:
        """Forget all gradients, as Keras does between the forward and the backward pass."""
        for parameter in self.parameters:
            parameter.grad = None

    def show(self, gradients: list[list[Tensor]]) -> list[list[Tensor]]:
        """Leave each weight's gradient to be seen.

        Args:
            gradients: for each weight, the tensors whose sum is its gradient; none where nothing reached it.

        Returns:
            The same with one tensor where there were several.
        """
        for weight, terms in zip(self.weights, gradients, strict=True):
            weight.grad = sum(terms[1:], terms[0]).to(weight.dtype) if terms else None
        return [[] if weight.grad is None else [weight.grad] for weight in self.weights]
