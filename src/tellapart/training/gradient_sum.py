"""The gradients of a batch that a team shares: each weight's added up over the processes, from the last layer on.

Weights are put together into buckets. A bucket is sent as soon as the backward pass has reached all of its weights,
while it goes on to the layers below. Source: Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704, whose wrapper
needs a torch module with parameters of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tellapart.runtime.team import Pending, Team
from tellapart.training.gradients import Leaves

BUCKET_BYTES = 4 << 20
"""Of float32 gradients that are sent at once."""


class _Bucket:
    """Gradients that are sent together."""

    def __init__(self, weights: Sequence[Tensor], indices: list[int]) -> None:
        self.indices = indices
        sizes = [weights[index].numel() for index in indices]
        first = weights[indices[0]]
        self.flat = torch.zeros(sum(sizes), device=first.device, dtype=_dtype_of(first))
        views = self.flat.split(sizes)
        self.views = {index: view.view_as(weights[index]) for index, view in zip(indices, views, strict=True)}
        self.missing: set[int] = set()
        self.pending: Pending | None = None


class GradientSum:
    """Adds up the gradients of a model's weights over a team."""

    def __init__(self, team: Team, weights: Sequence[Tensor]) -> None:
        """Make the buckets.

        Args:
            team: of this process.
            weights: all trainable weights, in the order of their gradients.
        """
        self.team = team
        self.buckets = [_Bucket(weights, indices) for indices in _together(weights)]
        self.bucket_of = {index: bucket for bucket in self.buckets for index in bucket.indices}
        self.late: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def sent_while_computed(self, leaves: Leaves) -> Iterator[None]:
        """Within the block, in which one backward pass runs, send each bucket as soon as it is complete."""
        self._begin(set(leaves.weight_indices))
        hooks = []
        for tensor, index, cast in zip(leaves.tensors, leaves.weight_indices, leaves.casts, strict=True):
            hooks.append(tensor.register_hook(partial(self._take, index, cast)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _begin(self, expected: set[int]) -> None:
        for bucket in self.buckets:
            bucket.flat.zero_()
            bucket.missing, bucket.pending = expected & set(bucket.indices), None

    def _take(self, index: int, cast: Any, gradient: Tensor) -> None:
        bucket = self.bucket_of[index]
        if cast is not None and cast.view is not cast.master:
            gradient = cast.gradient_of_master(gradient.float())
        if bucket.pending is not None:  # of a weight that is used both as it is and cast
            self.late.append((bucket.views[index], gradient.clone()))
            return
        bucket.views[index].add_(gradient)
        bucket.missing.discard(index)
        if not bucket.missing:
            bucket.pending = self.team.start_sum(bucket.flat)

    def summed(self, gradients: list[list[Tensor]]) -> list[list[Tensor]]:
        """Return the same gradients added up over the team; their memory is used again by the next step.

        Args:
            gradients: for each weight, the tensors whose sum is its gradient; none where nothing reached it, which is
                the same on all processes.
        """
        for bucket in self.buckets:
            if bucket.pending is None:
                self._fill(bucket, gradients)
                bucket.pending = self.team.start_sum(bucket.flat)
        for bucket in self.buckets:
            assert bucket.pending is not None
            bucket.pending.wait()
            bucket.pending = None
        for view, gradient in self.late:
            view.add_(self.team.summed(gradient))
        self.late.clear()
        return [
            [self.bucket_of[index].views[index]] if terms else [] for index, terms in enumerate(gradients)
        ]

    def _fill(self, bucket: _Bucket, gradients: list[list[Tensor]]) -> None:
        for index in bucket.indices:
            view = bucket.views[index].zero_()
            for term in gradients[index]:
                view.add_(term)


def _together(weights: Sequence[Tensor]) -> list[list[int]]:
    """Return the indices of the weights of each bucket, from the last weight on."""
    buckets: list[list[int]] = []
    room = 0
    for index in reversed(range(len(weights))):
        needed = weights[index].numel() * 4
        other = buckets and _dtype_of(weights[buckets[-1][0]]) != _dtype_of(weights[index])
        if not buckets or needed > room or other:
            buckets.append([])
            room = BUCKET_BYTES
        buckets[-1].append(index)
        room -= needed
    return buckets


def _dtype_of(weight: Tensor) -> torch.dtype:
    """Return the dtype of a weight's sum: never less than float32."""
    return torch.float64 if weight.dtype == torch.float64 else torch.float32
