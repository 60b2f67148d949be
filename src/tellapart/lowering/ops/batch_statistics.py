"""Batch statistics on processors: normalize by them, as fast as torch's own kernel and without its rounding error.

For maps in channels_last memory torch adds the pixels of a channel one after the other in float32: over 400,000 of
them the variance is off by 1e-3 (`benchmarks/precision.py`). Here a map is read in pieces of at most 512 rows that are
wide: many pixels side by side, each a column of its own. The same kernel sums each column over those few rows, and the
columns of a channel are added in float64. A piece fits the cache, so that its second reading, for the variance around
the mean, costs little; so does an activation, which is applied piece by piece.

Backward, an activation's input is computed anew instead of being kept.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

aten: Any = torch.ops.aten


WIDTH = 2048
"""The most numbers in a row, where one pixel has no more: a row, and sums of as many, fit the fastest cache."""

MOST_ROWS = 512
"""The most rows in float32, which are summed one after the other: pieces of 4 MB. Half precision has twice as many."""

FEWEST_CHANNELS = 32
"""From so many on, gradients of half precision are torch's own: its sums round less than bfloat16 does (1e-5 to 4e-3),
and writing an input's gradient in float32 costs as much again. With fewer channels torch is slow."""

FEWEST_PIXELS = 2048
"""With fewer in the whole batch torch's own sums are nearly as short, and the map is in the cache anyway."""


class _Activation(NamedTuple):
    overwrite: Callable[[Tensor], Tensor]
    """Applies the activation in place."""

    gradient: Callable[..., Tensor]
    """(gradient of the result, input, grad_input=where to write the gradient of the input)."""

    from_result: bool
    """Whether `gradient` takes the result as well as the input, with the same value."""


ACTIVATIONS = {
    "relu": _Activation(torch.relu_, partial(aten.threshold_backward.grad_input, threshold=0), True),
    "relu6": _Activation(
        partial(F.hardtanh_, min_val=0.0, max_val=6.0),
        partial(aten.hardtanh_backward.grad_input, min_val=0.0, max_val=6.0),
        True,
    ),
    "silu": _Activation(partial(F.silu, inplace=True), aten.silu_backward.grad_input, False),
}
"""Activations that can be applied while a piece is in the cache."""


def is_read_in_pieces(x: Tensor) -> bool:
    """Return whether torch's own kernel would be imprecise: for (B, C, ...) on the processor, its channels last."""
    many = x.numel() >= FEWEST_PIXELS * x.shape[1]
    return many and x.device.type == "cpu" and x.movedim(1, -1).is_contiguous()


def normalize_by_batch(
    x: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float, activation: str = "linear"
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize each channel by its mean and variance over the batch, scale and shift it, and apply an activation.

    Args:
        x: (B, C, ...), for which `is_read_in_pieces` holds.
        gamma: (C,) float32, or None for 1.
        beta: (C,) float32, or None for 0.
        epsilon: added to the variance.
        activation: "linear", or a name in `ACTIVATIONS`.

    Returns:
        The result, of the shape and dtype of `x`, and the mean and the biased variance, (C,) float64.
    """
    return _NormalizeByBatch.apply(x, gamma, beta, epsilon, activation)


class _NormalizeByBatch(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float, activation: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = moments(x)
        inverse = (variance + epsilon).rsqrt_()
        factor = inverse if gamma is None else inverse * gamma
        offset = -mean * factor if beta is None else beta - mean * factor
        y = _scaled_and_activated(x, factor, offset, activation)
        keeps_result = activation != "linear" and ACTIVATIONS[activation].from_result
        ctx.save_for_backward(x, y if keeps_result else None, mean, inverse, factor, offset)
        ctx.activation = activation
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, y, mean, inverse, factor, offset = ctx.saved_tensors
        gradient = y_gradient.movedim(1, -1).contiguous().movedim(-1, 1)
        in_half = x.dtype != torch.float32 and len(mean) >= FEWEST_CHANNELS
        sums = None if in_half else _GradientSums(x, mean, inverse)
        if ctx.activation != "linear":
            before = map(_Scaling(factor, offset, x), _pieces(x)) if y is None else None
            gradient = _through_activation(ctx.activation, before or _pieces(y), gradient, x, sums)
        elif sums is not None:
            for piece, part in zip(_pieces(x), _pieces(gradient), strict=True):
                sums.add(piece, part)
        if sums is None:
            weights = (factor / inverse).float(), None, None, mean.float(), inverse.float()
            results = aten.native_batch_norm_backward(gradient, x, *weights, True, 0.0, [True] * 3)
        else:
            total, dot = sums.totals()
            place = torch.empty_like(x) if ctx.activation == "linear" else gradient  # which is ours then
            x_gradient = _input_gradient(x, gradient, place, mean, inverse, factor, total, dot)
            results = x_gradient, dot.float(), total.float()
        wanted = zip(results, ctx.needs_input_grad, strict=False)
        return *(result if wants else None for result, wants in wanted), None, None


def _through_activation(
    name: str, before: Iterable[Tensor], gradient: Tensor, x: Tensor, sums: "_GradientSums | None"
) -> Tensor:
    """Return the gradient of an activation's input, and add up its sums while a piece is in the cache.

    Args:
        name: in `ACTIVATIONS`.
        before: pieces of its input (or its result, where that does).
        gradient: of its result.
        x: the map that was normalized.
        sums: takes each piece of `x` and of the gradient.
    """
    backward, result = ACTIVATIONS[name].gradient, torch.empty_like(x)
    maps = (_pieces(each) for each in (x, gradient, result))
    for value, piece, part, place in zip(before, *maps, strict=True):
        backward(part, value, grad_input=place)
        if sums is not None:
            sums.add(piece, place)
    return result


def _input_gradient(
    x: Tensor,
    gradient: Tensor,
    result: Tensor,
    mean: Tensor,
    inverse: Tensor,
    factor: Tensor,
    total: Tensor,
    dot: Tensor,
) -> Tensor:
    """Return factor * (gradient - its mean - normalized x * the mean of their product); see `_GradientSums.totals`.

    It is written to `result`, which may be `gradient`: memory that was just read is written faster than other.
    """
    share = factor / (x.numel() // len(mean))
    slope = -share * inverse * dot
    slopes, factors, shifts = _wide(torch.stack([slope, factor, -share * total - slope * mean]), x)
    maps = (_pieces(each) for each in (x, gradient, result))
    for piece, part, place in reversed(
        list(zip(*maps, strict=True))
    ):  # read last, so perhaps still in the cache
        if place.dtype == torch.float32:
            torch.addcmul(shifts, part, factors, out=place).addcmul_(piece, slopes)
        else:  # rounded once
            torch.addcmul(torch.addcmul(shifts, piece.float(), slopes), part.float(), factors, out=place)
    return result


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and biased variance, (C,) float64; `x` as in `normalize_by_batch`."""
    channels, pieces = x.shape[1], _pieces(x)
    # Running averages in float32 keep torch from rounding the statistics of half precision.
    unused = None if x.dtype == torch.float32 else torch.zeros(pieces[0].shape[1])
    parts = [torch.batch_norm_update_stats(piece, unused, unused, 0.0) for piece in pieces]
    means, variances = (torch.cat([part[i] for part in parts]).view(-1, channels).double() for i in (0, 1))
    shares = _shares(x.numel() // channels, channels, _most_rows(x))
    mean = (means * shares).sum(0)
    variances += means.sub_(mean).square_()
    return mean, variances.mul_(shares).sum(0)


class _Scaling:
    """A factor and an offset for each channel of a map, given piece by piece."""

    def __init__(self, factor: Tensor, offset: Tensor, x: Tensor) -> None:
        self.factor, self.offset = _wide(torch.stack([factor, offset]), x)
        self.zeros, self.ones = torch.zeros_like(self.factor), torch.ones_like(self.factor)

    def __call__(self, piece: Tensor) -> Tensor:
        """Return the scaled piece, in one pass; in half precision it is rounded once."""
        return F.batch_norm(piece, self.zeros, self.ones, self.factor, self.offset, False, 0.0, 0.0)

    def write(self, piece: Tensor, result: Tensor) -> None:
        """Write the scaled piece to `result`."""
        unused = torch.empty(0)
        aten.native_batch_norm.out(
            piece, self.factor, self.offset, self.zeros, self.ones, False, 0.0, 0.0,
            out=result, save_mean=unused, save_invstd=unused,
        )  # fmt: skip


def _scaled_and_activated(x: Tensor, factor: Tensor, offset: Tensor, activation: str) -> Tensor:
    if activation == "linear":
        zeros, ones = torch.zeros(len(factor)), torch.ones(len(factor))
        return F.batch_norm(x, zeros, ones, factor.float(), offset.float(), False, 0.0, 0.0)
    y, scaling, overwrite = (
        torch.empty_like(x),
        _Scaling(factor, offset, x),
        ACTIVATIONS[activation].overwrite,
    )
    # From the end: what the statistics read last may still be in the cache.
    for piece, result in reversed(list(zip(_pieces(x), _pieces(y), strict=True))):
        scaling.write(piece, result)
        overwrite(result)
    return y


class _GradientSums:
    """The sums over each channel that the backward pass needs."""

    def __init__(self, x: Tensor, mean: Tensor, inverse: Tensor) -> None:
        self.mean, self.inverse, self.rounded = mean, inverse, mean.float()
        self.wide_mean, self.wide_inverse = _wide(torch.stack([mean, inverse]), x)
        self.ones = torch.ones_like(self.wide_mean)
        self.parts: list[tuple[Tensor, Tensor]] = []

    def add(self, piece: Tensor, gradient: Tensor) -> None:
        """Add a piece of the map and of the gradient of its normalized form."""
        _, dot, total = aten.native_batch_norm_backward(
            gradient, piece, self.ones, None, None, self.wide_mean, self.wide_inverse, True, 0.0,
            [False, True, True],
        )  # fmt: skip
        self.parts.append((total, dot))

    def totals(self) -> tuple[Tensor, Tensor]:
        """Return the sums of the gradient, and of its products with the normalized map; (C,) float64."""
        total, dot = (
            torch.cat([part[i] for part in self.parts]).view(-1, len(self.mean)).sum(0, dtype=torch.float64)
            for i in (0, 1)
        )
        return total, dot + (
            self.rounded - self.mean
        ) * self.inverse * total  # as if the mean was not rounded


@lru_cache(maxsize=512)
def _pixels_a_row(pixels: int, channels: int) -> int:
    """Return how many pixels stand side by side: as many as divide all of them and fit the width."""
    return next(side for side in range(max(1, WIDTH // channels), 0, -1) if pixels % side == 0)


def _wide(values: Tensor, x: Tensor) -> Tensor:
    """Return (..., C) as float32, repeated for each pixel in a row of a piece."""
    channels = x.shape[1]
    side = _pixels_a_row(x.numel() // channels, channels)
    return values.float().unsqueeze(-2).expand(*values.shape[:-1], side, channels).flatten(-2).contiguous()


def _most_rows(x: Tensor) -> int:
    return MOST_ROWS * 4 // x.element_size()


def _pieces(x: Tensor) -> Sequence[Tensor]:
    """Return views of (B, C, ...): rows of pixels side by side."""
    channels = x.shape[1]
    side = _pixels_a_row(x.numel() // channels, channels)
    return x.movedim(1, -1).view(-1, side * channels).split(_most_rows(x))


@lru_cache(maxsize=512)
def _shares(pixels: int, channels: int, most_rows: int) -> Tensor:
    """Return the share of all pixels that each column of each piece holds: (columns of a channel, 1) float64."""
    side = _pixels_a_row(pixels, channels)
    rows = [len(piece) for piece in torch.empty(pixels // side, device="meta").split(most_rows)]
    return torch.tensor([[count / pixels] for count in rows for _ in range(side)], dtype=torch.float64)
