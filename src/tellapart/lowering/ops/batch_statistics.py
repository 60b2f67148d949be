"""Batch statistics on processors: normalize by them, as fast as torch's own kernel and without its rounding error.

For maps in channels_last memory torch adds the pixels of a channel one after the other in float32: over 400,000 of
them the variance is off by 1e-3 (`benchmarks/precision.py`). Here a map is read in pieces of at most 256 rows that are
wide: many pixels side by side, each a column of its own. The same kernel sums each column over those few rows, and the
columns of a channel are added in float64. A piece fits the cache, so that its second reading, for the variance around
the mean, costs little; so does an activation, which is applied piece by piece.

Backward, an activation's input is computed anew instead of being kept.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

aten: Any = torch.ops.aten

WIDTH = 2048
"""The most numbers in a row of a piece, where one pixel has no more: 8 KB in float32."""

MOST_ROWS = 256
"""The most rows that are summed one after the other; a piece is then 2 MB in float32."""


class _Activation(NamedTuple):
    overwrite: Callable[[Tensor], Tensor]
    """Applies the activation in place."""

    gradient: Callable[[Tensor, Tensor], Tensor]
    """(gradient of the result, input) -> gradient of the input."""


ACTIVATIONS = {
    "relu": _Activation(torch.relu_, lambda g, x: aten.threshold_backward(g, x, 0)),
    "relu6": _Activation(
        lambda x: F.hardtanh_(x, 0.0, 6.0), lambda g, x: aten.hardtanh_backward(g, x, 0.0, 6.0)
    ),
    "silu": _Activation(lambda x: F.silu(x, inplace=True), aten.silu_backward),
    "hard_silu": _Activation(lambda x: F.hardswish(x, inplace=True), aten.hardswish_backward),
}
"""Activations that can be applied while a piece is in the cache."""


def is_read_in_pieces(x: Tensor) -> bool:
    """Return whether (B, C, ...) lies on the processor with its channels last; torch's kernel is precise elsewhere."""
    return x.device.type == "cpu" and x.numel() > 0 and x.movedim(1, -1).is_contiguous()


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
        inverse = (variance + epsilon).rsqrt()
        factor = inverse if gamma is None else inverse * gamma
        offset = -mean * factor if beta is None else beta - mean * factor
        y = torch.empty_like(x)
        scaling = _Scaling(factor, offset, x)
        for piece, result in zip(_pieces(x), _pieces(y), strict=True):
            scaling.write(piece, result)
            if activation != "linear":
                ACTIVATIONS[activation].overwrite(result)
        ctx.save_for_backward(x, mean, inverse, factor, offset)
        ctx.activation = activation
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, mean, inverse, factor, offset = ctx.saved_tensors
        gradient = y_gradient.movedim(1, -1).contiguous().movedim(-1, 1)
        result = torch.empty_like(x)
        sums = _GradientSums(x, mean, inverse)
        if ctx.activation == "linear":
            for piece, dy in zip(_pieces(x), _pieces(gradient), strict=True):
                sums.add(piece, dy)
        else:
            through, scaling = ACTIVATIONS[ctx.activation].gradient, _Scaling(factor, offset, x)
            for piece, dy, place in zip(_pieces(x), _pieces(gradient), _pieces(result), strict=True):
                scaling.write(piece, place)  # the activation's input
                place.copy_(through(dy, place))
                sums.add(piece, place)
            gradient = result
        total, dot = sums.totals()
        if ctx.needs_input_grad[0]:
            count = x.numel() // x.shape[1]
            slope = -factor * inverse * dot / count
            _write_sum(slope, x, factor, gradient, -factor * total / count - slope * mean, result)
        wants_x, wants_gamma, wants_beta = ctx.needs_input_grad[:3]
        return (
            result if wants_x else None,
            dot.float() if wants_gamma else None,
            total.float() if wants_beta else None,
            None,
            None,
        )


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and biased variance, (C,) float64; `x` as in `normalize_by_batch`."""
    channels = x.shape[1]
    parts = []
    for piece in _pieces(x):
        unused = torch.zeros(
            piece.shape[1]
        )  # averages in float32, or torch would round those of half precision
        parts.append(torch.batch_norm_update_stats(piece, unused, unused, 0.0))
    means, variances = (torch.cat([part[i].view(-1, channels) for part in parts]).double() for i in (0, 1))
    shares = _shares(x.numel() // channels, channels)
    mean = (means * shares).sum(0)
    variances += (means - mean).square_()
    return mean, variances.mul_(shares).sum(0)


class _Scaling:
    """A factor and an offset for each channel of a map."""

    def __init__(self, factor: Tensor, offset: Tensor, x: Tensor) -> None:
        self.factor, self.offset = _wide(factor, x), _wide(offset, x)
        self.zeros, self.ones = torch.zeros_like(self.factor), torch.ones_like(self.factor)
        self.unused = torch.empty(0)

    def write(self, piece: Tensor, result: Tensor) -> None:
        """Write the scaled piece to `result` in one pass; in half precision it is rounded once."""
        weights = [v[: piece.shape[1]] for v in (self.factor, self.offset, self.zeros, self.ones)]
        aten.native_batch_norm.out(
            piece, *weights, False, 0.0, 0.0, out=result, save_mean=self.unused, save_invstd=self.unused
        )


class _GradientSums:
    """The sums over each channel that the backward pass needs."""

    def __init__(self, x: Tensor, mean: Tensor, inverse: Tensor) -> None:
        self.mean, self.inverse, self.rounded = mean, inverse, mean.float()
        self.wide_mean, self.wide_inverse = _wide(self.rounded, x), _wide(inverse, x)
        self.ones = torch.ones_like(self.wide_mean)
        self.parts: list[tuple[Tensor, Tensor]] = []

    def add(self, piece: Tensor, gradient: Tensor) -> None:
        """Add a piece of the map and of the gradient of its normalized form."""
        ones, mean, inverse = (v[: piece.shape[1]] for v in (self.ones, self.wide_mean, self.wide_inverse))
        _, dot, total = aten.native_batch_norm_backward(
            gradient, piece, ones, None, None, mean, inverse, True, 0.0, [False, True, True]
        )
        self.parts.append((total, dot))

    def totals(self) -> tuple[Tensor, Tensor]:
        """Return the sums of the gradient, and of its products with the normalized map; (C,) float64."""
        total, dot = (
            torch.cat([part[i].view(-1, len(self.mean)) for part in self.parts]).sum(0, dtype=torch.float64)
            for i in (0, 1)
        )
        return total, dot + (
            self.rounded - self.mean
        ) * self.inverse * total  # as if the mean was not rounded


def _write_sum(
    slope: Tensor, x: Tensor, factor: Tensor, gradient: Tensor, shift: Tensor, place: Tensor
) -> None:
    """Write slope * x + factor * gradient + shift, computed in float32, to `place`, which `gradient` may be."""
    rows = [_wide(weight, x) for weight in (slope, factor, shift)]
    for piece, dy, result in zip(_pieces(x), _pieces(gradient), _pieces(place), strict=True):
        slopes, factors, shifts = (row[: piece.shape[1]] for row in rows)
        torch.addcmul(torch.addcmul(shifts, piece, slopes), dy, factors, out=result)


def _pixels_a_row(pixels: int, channels: int) -> int:
    return max(1, min(WIDTH // channels, pixels // 16))


def _wide(values: Tensor, x: Tensor) -> Tensor:
    """Return (C,) as float32, repeated for each pixel in a row of a piece."""
    channels = x.shape[1]
    return values.float().repeat(_pixels_a_row(x.numel() // channels, channels))


def _pieces(x: Tensor) -> list[Tensor]:
    """Return views of (B, C, ...): rows of many pixels, and last, in rows of one, the pixels that fill no such row."""
    channels = x.shape[1]
    pixels = x.movedim(1, -1).view(-1, channels)
    side = _pixels_a_row(len(pixels), channels)
    rows = len(pixels) // side
    pieces = list(pixels[: rows * side].view(rows, side * channels).split(MOST_ROWS))
    return pieces if rows * side == len(pixels) else [*pieces, pixels[rows * side :]]


@lru_cache(maxsize=512)
def _shares(pixels: int, channels: int) -> Tensor:
    """Return the share of all pixels that each column of each piece holds: (columns of a channel, 1) float64."""
    shares: list[float] = []
    for piece in _pieces(torch.empty(pixels, channels, device="meta")):
        shares += [len(piece) / pixels] * (piece.shape[1] // channels)
    return torch.tensor(shares, dtype=torch.float64).unsqueeze(1)
