"""Walks: the ways that the real optimizers take over a landscape of two weights."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tellapart.guide.lessons.descent import MOMENTUM, STEEP, noise, settings


def valley(x: float, y: float) -> float:
    """The loss of the narrow valley."""
    return 0.5 * x**2 + 0.5 * STEEP * y**2


def saddle(x: float, y: float) -> float:
    """The loss of two hollows with a saddle between them."""
    return (x**2 - 1) ** 2 + 2 * y**2


LANDSCAPES: dict[str, Callable[[Any, Any], Any]] = {"valley": valley, "saddle": saddle}


def walk(
    optimizer: str,
    landscape: str,
    start: tuple[float, float],
    rate: float,
    steps: int,
    batch: int | None = None,
) -> Iterator[tuple[float, float]]:
    """The places that an optimizer steps to, beginning with the start.

    Args:
        optimizer: one of OPTIMIZERS.
        landscape: one of LANDSCAPES.
        start: x and y.
        rate: the learning rate of every step.
        steps: how many.
        batch: pretended pictures that each step's slope is taken from; None: all.
    """
    import torch

    place = _variable(start)
    apply = OPTIMIZERS[optimizer](place, rate)
    stray = np.zeros((steps, 2)) if batch is None else noise(batch)[:steps]
    yield start
    for step in range(steps):
        x, y = (place.value.detach().flatten()[i].requires_grad_() for i in (0, 1))
        slope = torch.stack(torch.autograd.grad(LANDSCAPES[landscape](x, y), (x, y)))
        apply((slope + torch.tensor(stray[step])).view(place.shape))
        yield tuple(place.value.detach().flatten().tolist())


def _variable(start: tuple[float, float]) -> Any:
    """A place as one filter bank of 1 x 2 numbers."""
    from tellapart.keras_backend import import_keras

    return import_keras().Variable(np.reshape(start, (1, 1, 1, 2)), dtype="float64", name="place")


def _keras(name: str, **options: float) -> Callable[[Any, float], Callable[[Any], None]]:
    def begin(place: Any, rate: float) -> Callable[[Any], None]:
        from tellapart.keras_backend import import_keras

        optimizer = getattr(import_keras().optimizers, name)(rate, **options)
        return lambda slope: optimizer.apply([slope], [place])

    return begin


def _muon(place: Any, rate: float) -> Callable[[Any], None]:
    """tellapart's own, at an even rate, on a place that keeps its length: a bank of filters is brought to one."""
    from tellapart.keras_backend import import_keras
    from tellapart.training.optim.muon import MuonOptimizer, Rates

    momentum, for_ever = settings()["muon_momentum"], 2**60
    rates = Rates(rate, momentum, biases=0, head=0, weight_decay=0, steps=for_ever, whitening_steps=1)
    optimizer = MuonOptimizer(import_keras().optimizers.SGD(rate, momentum), [place], rates, 1)

    def apply(slope: Any) -> None:
        before = place.value.detach().clone()
        optimizer.apply([[slope]])
        shrunk = before * (2**0.5 / before.norm())
        place.assign(before + (place.value.detach() - shrunk))

    return apply


OPTIMIZERS: dict[str, Callable[[Any, float], Callable[[Any], None]]] = {
    "sgd": _keras("SGD"),
    "momentum": _keras("SGD", momentum=MOMENTUM),
    "rmsprop": _keras("RMSprop"),
    "adam": _keras("Adam"),
    "muon": _muon,
}
"""What steps, by the name that the page gives it."""
