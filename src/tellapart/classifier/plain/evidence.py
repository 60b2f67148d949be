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

FITS, TOO_LARGE = 8.0, 30.0
"""By how much the deviation before a batch normalization may differ from the one that it kept, and from where on the
pixels are too large. Right pixels gave 0.2 to 3 times, 255 times too large ones 40 to 600."""


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
    if bool((kept == 1).all()) or _factor(raw.read, scaled.read) < PASSED_ON:  # never trained, or never told
        return Evidence(None)
    factor = _factor(raw.read, kept.sqrt())
    if 1 / FITS < factor < FITS:
        return Evidence(True, f"its first batch normalization ({layer.name}) saw such pixels in training")
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
