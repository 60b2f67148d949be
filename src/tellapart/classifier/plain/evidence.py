"""Evidence: what a trained network shows of the pixels that it learned from, where no layer scales them.

A batch normalization keeps the deviation of what it saw in training. Made-up pictures show whether pixels 0 to 255
give it that deviation; a factor of 255 is told, a factor of two is not. Logits tell nothing: networks trained on raw
pixels are as certain of everything as those that get pixels 255 times too large.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tellapart.lowering import LoweredNet, lower

PICTURES = 8
"""Made-up pictures that a network is asked about."""

FITS, TOO_LARGE = 8.0, 20.0
"""By how much the deviation before a batch normalization may differ from the one that it kept, and from where on the
pixels are too large. Right pixels gave 0.3 to 1.3 times; those 255 times too large 35 to 85 in networks trained to the
end, and 1 to 29 in those of a few hundred steps."""

LIVE = 0.01
"""Least deviation of a channel that is looked at, as a share of the largest."""

LITTLE = 0.25
"""Share of a kept variance that may still be the 1 with which it began. Of a short training much of it is: then numbers
255 times too large may look right, and nothing is concluded."""

PASSED_ON = 64.0
"""Of a factor of 255 in the pixels, what must reach the batch normalization: behind a sigmoid, a tanh or another
normalization nothing of it does, and its deviation tells nothing."""


class Evidence(NamedTuple):
    """What a network shows of pixels 0 to 255."""

    fits: bool | None
    """Whether it was trained on such pixels; None: it cannot be told."""
    why: str = ""
    """A clause, such as "its first batch normalization (bn) saw such pixels in training"."""


def evidence_on_raw_pixels(model: Any) -> Evidence:
    """Ask a Keras model of images of a fixed size whether it was trained on pixels from 0 to 255."""
    net = lower(model, "float32", fused=False)
    if net.graph is None:
        return Evidence(None)
    pictures = made_up_pictures(model.inputs[0].shape[1:]).to(net.device)
    return _by_statistics(net, pictures)


def made_up_pictures(shape: tuple[int, ...]) -> Tensor:
    """Return pictures with the coarse and fine detail of photos: (N, H, W, C) float32, 0 to 255, the same each time."""
    height, width, channels = shape
    random = torch.Generator().manual_seed(0)
    total = torch.zeros(PICTURES, channels, height, width)
    for octave in range(1, 7):
        size = min(2**octave, height), min(2**octave, width)
        gray = torch.randn(PICTURES, 1, *size, generator=random)
        color = torch.randn(PICTURES, channels, *size, generator=random)
        noise = gray + 0.4 * color
        total += torch.nn.functional.interpolate(noise, (height, width), mode="bilinear") / octave
    return (115 + 45 * total).clamp(0, 255).round().permute(0, 2, 3, 1).contiguous()


class _ReachedError(Exception):
    """Ends a run once the wanted layer was reached."""


@contextmanager
def _inputs_of(net: LoweredNet, kind: str, wanted: list[tuple[Any, Tensor]]) -> Iterator[None]:
    """Keep the first layer of a kind and what it reads; the run ends there."""

    def observe(_prefix: str, call: Any, _operation: Any, inputs: list[Tensor], _outputs: Any) -> None:
        if type(call.layer).__name__ == kind:
            wanted.append((call.layer, inputs[0]))
            raise _ReachedError

    with torch.no_grad(), net.observed_by(observe), suppress(_ReachedError):
        yield


def _by_statistics(net: LoweredNet, pictures: Tensor) -> Evidence:
    raw, scaled = _deviations(net, pictures), _deviations(net, pictures / 255)
    if raw is None or scaled is None:
        return Evidence(None)
    layer, kept = raw.layer, raw.layer.moving_variance.value.float().cpu()
    live = raw.read > LIVE * raw.read.max()  # a channel that is always zero shows no scale
    if bool((kept == 1).all()) or _factor(raw.read[live], scaled.read[live]) < PASSED_ON:
        return Evidence(None)  # it was never trained, or pixels do not reach it in proportion
    factor = _factor(raw.read[live], kept[live].sqrt())
    if 1 / FITS < factor < FITS:
        left_from_start = min(1.0, float(kept.min()))
        certain = left_from_start < LITTLE * float(kept[live].median())
        why = f"its first batch normalization ({layer.name}) saw such pixels in training"
        return Evidence(True, why) if certain else Evidence(None)
    if factor > TOO_LARGE:
        return Evidence(
            False,
            f"its first batch normalization ({layer.name}) saw numbers about {_rounded(factor)} times smaller in "
            "training",
        )
    return Evidence(None)


class _Deviations(NamedTuple):
    layer: Any
    read: Tensor
    """(C,), of what the layer reads."""


def _deviations(net: LoweredNet, pictures: Tensor) -> _Deviations | None:
    """Return the first batch normalization and the deviations that these pictures give it; None where there is none."""
    seen: list[tuple[Any, Tensor]] = []
    with _inputs_of(net, "BatchNormalization", seen):
        net(pictures)
    if not seen:
        return None
    layer, read = seen[0]
    return _Deviations(layer, read.float().cpu().movedim(1, 0).flatten(1).std(1))


def _factor(one: Tensor, other: Tensor) -> float:
    """Return how many times larger the one deviations are, in the median."""
    return math.exp(float(((one + 1e-6) / (other + 1e-6)).log().median()))


def _rounded(number: float) -> str:
    digits = max(0, math.floor(math.log10(number)) - 1)
    return f"{round(number, -digits):,.0f}"
