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

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from tellapart.lowering.microbatch import Sharers

aten: Any = torch.ops.aten
Array = NDArray[Any]


WIDTH = 2048
"""The most numbers in a row, where one pixel has no more: a row, and sums of as many, fit the fastest cache."""

MOST_ROWS = 512
"""The most rows in float32, which are summed one after the other: pieces of 4 MB. Half precision has twice as many."""

FEWEST_CHANNELS = 32
"""From so many on, gradients of half precision are torch's own: its sums round less than bfloat16 does (1e-5 to 4e-3),
and writing an input's gradient in float32 costs as much again. With fewer channels torch is slow."""

FEWEST_PIXELS = 1024
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


def as_rows_of_pixels(x: Tensor) -> Tensor:
    """Return (B, C, ...) with its channels last in memory."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def normalize_by_batch(
    x: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    epsilon: float,
    activation: str = "linear",
    sharers: Sharers | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize each channel by its mean and variance over the batch, scale and shift it, and apply an activation.

    Args:
        x: (B, C, ...) on the processor, its channels last in memory.
        gamma: (C,) float32, or None for 1.
        beta: (C,) float32, or None for 0.
        epsilon: added to the variance.
        activation: "linear", or a name in `ACTIVATIONS`.
        sharers: other processes with images of the batch; None: there are none.

    Returns:
        The result, of the shape and dtype of `x`, and the mean and the biased variance, (C,) float64.
    """
    return _NormalizeByBatch.apply(x, gamma, beta, epsilon, activation, sharers)


class _NormalizeByBatch(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        epsilon: float,
        activation: str,
        sharers: Sharers | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = moments(x)
        ctx.pixels, ctx.sharers = x.numel() // len(mean), sharers
        if sharers is not None:
            mean, variance, ctx.pixels = _moments_of_all(mean, variance, ctx.pixels, sharers)
        given = gamma, beta, mean.float(), variance.float()
        y = _normalized_and_activated(x, given, epsilon, activation)
        keeps_result = activation != "linear" and ACTIVATIONS[activation].from_result
        ctx.save_for_backward(x, y if keeps_result else None, mean, variance, *given)
        ctx.epsilon, ctx.activation = epsilon, activation
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, y, mean, variance, *given = ctx.saved_tensors
        mean, rows = _array(mean), _rows(x)
        inverse = 1 / np.sqrt(_array(variance) + ctx.epsilon)
        gradient = y_gradient.movedim(1, -1).reshape(rows.shape)
        in_half = x.dtype != torch.float32 and len(mean) >= FEWEST_CHANNELS and ctx.sharers is None
        sums = None if in_half else _GradientSums(rows, mean, inverse)
        if ctx.activation != "linear":
            before = _pieces(_rows(y)) if y is not None else _Normalization(rows, given, ctx.epsilon).pieces()
            gradient = _through_activation(ctx.activation, before, gradient, rows, sums)
        elif sums is not None:
            for piece, part in zip(_pieces(rows), _pieces(gradient), strict=True):
                sums.add(piece, part)
        gamma = given[0]
        if sums is None:
            weights = gamma, None, None, *map(_tensor, (mean, inverse))
            gradient = _as_map(gradient, x)
            results = aten.native_batch_norm_backward(gradient, x, *weights, True, 0.0, [True] * 3)
        else:
            total, dot = own_total, own_dot = sums.totals()
            if ctx.sharers is not None:  # each process keeps its share of the weights' gradients
                total, dot = ctx.sharers.summed(torch.from_numpy(np.stack([total, dot]))).numpy()
            factor = inverse if gamma is None else inverse * _array(gamma)
            place = torch.empty_like(rows) if ctx.activation == "linear" else gradient  # which is ours then
            share = factor / ctx.pixels
            slope = share * inverse * dot
            _write_input_gradient(rows, gradient, place, factor, -slope, slope * mean - share * total)
            results = _as_map(place, x), _tensor(own_dot), _tensor(own_total)
        wanted = zip(results, ctx.needs_input_grad, strict=False)
        return *(result if wants else None for result, wants in wanted), None, None, None


def _through_activation(
    name: str, before: Iterable[Tensor], gradient: Tensor, rows: Tensor, sums: "_GradientSums | None"
) -> Tensor:
    """Return the gradient of an activation's input, and add up its sums while a piece is in the cache.

    Args:
        name: in `ACTIVATIONS`.
        before: pieces of its input (or its result, where that does).
        gradient: of its result, in rows.
        rows: of the map that was normalized.
        sums: takes each piece of `rows` and of the gradient.
    """
    backward, result = ACTIVATIONS[name].gradient, torch.empty_like(rows)
    for value, piece, part, place in zip(before, *map(_pieces, (rows, gradient, result)), strict=True):
        backward(part, value, grad_input=place)
        if sums is not None:
            sums.add(piece, place)
    return result


def _write_input_gradient(
    rows: Tensor, gradient: Tensor, place: Tensor, factor: Array, slope: Array, shift: Array
) -> None:
    """Write factor * gradient + slope * rows + shift, each (C,), to `place`.

    `place` may be `gradient`: memory that was just read is written faster than other.
    """
    factors, slopes, shifts = _wide(rows, factor, slope, shift)
    # From the end: what was read last may still be in the cache.
    for piece, part, result in reversed(list(zip(*map(_pieces, (rows, gradient, place)), strict=True))):
        if result.dtype == torch.float32:
            torch.addcmul(shifts, part, factors, out=result).addcmul_(piece, slopes)
        else:  # rounded once
            torch.addcmul(torch.addcmul(shifts, piece.float(), slopes), part.float(), factors, out=result)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and biased variance, (C,) float64; `x` as in `normalize_by_batch`."""
    rows = _rows(x)
    # Running averages in float32 keep torch from rounding the statistics of half precision.
    unused = None if x.dtype == torch.float32 else torch.zeros(rows.shape[1])
    parts = [torch.batch_norm_update_stats(piece, unused, unused, 0.0) for piece in _pieces(rows)]
    means, variances = (_by_column(each, x.shape[1]) for each in zip(*parts, strict=True))
    shares = _shares(*rows.shape, x.shape[1], _most_rows(rows))
    mean = (means * shares).sum(0)
    means -= mean
    means *= means
    means += variances
    means *= shares
    return torch.from_numpy(mean), torch.from_numpy(means.sum(0))


def _moments_of_all(
    mean: Tensor, variance: Tensor, pixels: int, sharers: Sharers
) -> tuple[Tensor, Tensor, int]:
    """Return the mean and the biased variance of all processes' pixels, (C,) float64, and how many there are.

    Source: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".
    """
    own = torch.cat([mean, variance, mean.new_tensor([pixels])])
    everybody = sharers.gathered(own)  # (processes, 2 C + 1)
    counts = everybody[:, -1:]
    shares = counts / counts.sum()
    means, variances = everybody[:, :-1].chunk(2, 1)
    whole = (means * shares).sum(0)
    return whole, ((variances + (means - whole) ** 2) * shares).sum(0), int(counts.sum())


class _Normalization:
    """The normalization of a map, piece by piece."""

    def __init__(self, rows: Tensor, given: Sequence[Tensor | None], epsilon: float) -> None:
        """Take the map in rows, and gamma, beta, mean and variance, each (C,) float32; None for 1 or 0."""
        gamma, beta, *statistics = given
        mean, variance = (_array(each) for each in statistics if each is not None)
        scale = np.ones_like(mean) if gamma is None else _array(gamma)
        offset = np.zeros_like(mean) if beta is None else _array(beta)
        self.rows, self.given, self.epsilon = rows, _wide(rows, scale, offset, mean, variance), epsilon

    def pieces(self) -> Iterable[Tensor]:
        """Return the normalized pieces one after the other; in half precision they are rounded once."""
        for piece in _pieces(self.rows):
            yield aten.native_batch_norm(piece, *self.given, False, 0.0, self.epsilon)[0]

    def write(self, piece: Tensor, result: Tensor) -> None:
        """Write the normalized piece to `result`."""
        unused = torch.empty(0)
        aten.native_batch_norm.out(
            piece, *self.given, False, 0.0, self.epsilon,
            out=result, save_mean=unused, save_invstd=unused,
        )  # fmt: skip


def _normalized_and_activated(
    x: Tensor, given: Sequence[Tensor | None], epsilon: float, activation: str
) -> Tensor:
    overwrite, rows = ACTIVATIONS[activation].overwrite if activation != "linear" else None, _rows(x)
    if overwrite is None or len(rows) <= _most_rows(rows):
        y = aten.native_batch_norm(x, *given, False, 0.0, epsilon)[0]
        return y if overwrite is None else overwrite(y)
    y = torch.empty_like(x)
    normalization = _Normalization(rows, given, epsilon)
    # From the end: what the statistics read last may still be in the cache.
    for piece, result in reversed(list(zip(_pieces(rows), _pieces(_rows(y)), strict=True))):
        normalization.write(piece, result)
        overwrite(result)
    return y


class _GradientSums:
    """The sums over each channel that the backward pass needs."""

    def __init__(self, rows: Tensor, mean: Array, inverse: Array) -> None:
        """Take the map in rows, its mean, and the inverse of its standard deviation."""
        self.mean, self.inverse = mean, inverse
        self.statistics = _ones(rows.shape[1]), None, None, *_wide(rows, mean, inverse)
        self.parts: list[tuple[Tensor, Tensor]] = []

    def add(self, piece: Tensor, gradient: Tensor) -> None:
        """Add a piece of the map and of the gradient of its normalized form."""
        wanted = [False, True, True]
        _, dot, total = aten.native_batch_norm_backward(gradient, piece, *self.statistics, True, 0.0, wanted)
        self.parts.append((total, dot))

    def totals(self) -> tuple[Array, Array]:
        """Return the sums of the gradient, and of its products with the normalized map; (C,) float64."""
        total, dot = (_by_column(each, len(self.mean)).sum(0) for each in zip(*self.parts, strict=True))
        rounding = self.mean.astype(np.float32) - self.mean
        return total, dot + rounding * self.inverse * total  # as if the mean was not rounded


@lru_cache(maxsize=512)
def _pixels_a_row(pixels: int, channels: int) -> int:
    """Return how many pixels stand side by side: as many as divide all of them and fit the width."""
    return next(side for side in range(max(1, WIDTH // channels), 0, -1) if pixels % side == 0)


def _rows(x: Tensor) -> Tensor:
    """Return a view of (B, C, ...): rows of pixels side by side."""
    channels = x.shape[1]
    return x.movedim(1, -1).view(-1, _pixels_a_row(x.numel() // channels, channels) * channels)


def _as_map(rows: Tensor, x: Tensor) -> Tensor:
    """Return a view of rows in the shape of `x`."""
    return rows.view(x.movedim(1, -1).shape).movedim(-1, 1)


def _array(value: Tensor) -> Array:
    """Return a tensor's memory for NumPy, which takes a fifth of torch's time for a number for each channel."""
    return value.detach().numpy()


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(value.astype(np.float32))


def _by_column(parts: Sequence[Tensor], channels: int) -> Array:
    """Return the numbers of all columns of all pieces, (columns of a channel, C) float64."""
    return np.concatenate([part.numpy() for part in parts], dtype=np.float64).reshape(-1, channels)


def _wide(rows: Tensor, *values: Array) -> tuple[Tensor, ...]:
    """Return each (C,) in float32, repeated for each pixel in a row."""
    width, channels = rows.shape[1], len(values[0])
    wide = np.empty((len(values), width // channels, channels), np.float32)
    for place, value in zip(wide, values, strict=True):
        place[:] = value
    return torch.from_numpy(wide.reshape(len(values), width)).unbind()


def _most_rows(rows: Tensor) -> int:
    return MOST_ROWS * 4 // rows.element_size()


def _pieces(rows: Tensor) -> Sequence[Tensor]:
    """Return views of some rows each."""
    most = _most_rows(rows)
    return (rows,) if len(rows) <= most else rows.split(most)


@lru_cache(maxsize=128)
def _ones(width: int) -> Tensor:
    return torch.ones(width)


@lru_cache(maxsize=512)
def _shares(rows: int, width: int, channels: int, most_rows: int) -> Array:
    """Return the share of all pixels that each column of each piece holds: (columns of a channel, 1) float64."""
    side = width // channels
    counts = [len(piece) for piece in torch.empty(rows, device="meta").split(most_rows)]
    return np.repeat(np.array(counts) / (rows * side), side)[:, None]
