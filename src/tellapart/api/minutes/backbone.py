"""Measure a transfer: the seconds of a backbone's features, and what last layers fitted to some pictures score."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.api.minutes.sample import Sample, at_most
from tellapart.inference.feature_net import FeatureNet
from tellapart.metrics.learning_curve import Scored
from tellapart.recipes.config import TrainConfig
from tellapart.runtime.precision import resolve
from tellapart.training.head_choice import Views, choose_on_held_out

FIRST = 16
"""Pictures whose features are computed first, to learn how long they take."""

HELD_OUT = 1 / 3
"""Share of the sample that scores the last layers."""

PARTS = (0.25, 0.5, 1.0)
"""Shares of the others that last layers are fitted to."""

FEWEST_OF_A_CLASS = 2
"""Pictures that a part must have of each class."""


@dataclass(frozen=True, slots=True)
class TransferMeasured:
    """Seconds on this machine, and the scores of last layers by the number of pictures."""

    feature_seconds: float
    """Of one picture, once."""

    fitting_fixed: float
    """Processor time of fitting a last layer, whatever the number of pictures."""

    fitting_each: float
    """Of that, for each picture in each view."""

    scored: tuple[Scored, ...]


def measure_transfer(config: TrainConfig, sample: Sample, seconds: float) -> TransferMeasured:
    """Compute the features of as many pictures as there is time for, and fit last layers to parts of them.

    Args:
        config: complete.
        sample: of its pictures, its backbone open.
        seconds: that the features may take; those of the first pictures are computed in any case.
    """
    assert sample.backbone is not None
    net, precision, train = (
        FeatureNet(sample.backbone.features),
        resolve(config.precision),
        sample.stores["train"],
    )
    net(at_most(train, FIRST).images, None, precision)  # the first call prepares the network
    began = time.monotonic()
    net(at_most(train, FIRST).images, None, precision)
    rate = (time.monotonic() - began) / min(FIRST, len(train))
    some = at_most(train, max(FIRST, int(seconds / rate)))
    began = time.monotonic()
    features = net(some.images, None, precision)
    rate = (time.monotonic() - began) / len(some)
    order = np.random.default_rng(config.seed).permutation(len(some))
    scored, processor_seconds = _curve(
        config, Views([features], some.labels).take(order), len(sample.whole.class_names)
    )
    fixed, each = _line([point.length for point in scored], processor_seconds)
    return TransferMeasured(rate, fixed, each, scored)


def _curve(config: TrainConfig, views: Views, classes: int) -> tuple[tuple[Scored, ...], list[float]]:
    """Return the scores of last layers fitted to parts of the pictures, and the processor time of each."""
    assert config.head is not None
    held_out = max(1, round(HELD_OUT * len(views.labels)))
    rows = np.arange(len(views.labels))
    scored: list[Scored] = []
    seconds: list[float] = []
    for part in PARTS:
        count = round(part * (len(rows) - held_out))
        fitted = views.take(rows[held_out : held_out + count])
        if np.bincount(fitted.labels, minlength=classes).min() < FEWEST_OF_A_CLASS:
            continue
        began = time.process_time()
        choice = choose_on_held_out(
            fitted, views.take(rows[:held_out]), classes, config.head.penalties, config.seed
        )
        seconds.append(time.process_time() - began)
        wrong = int((choice.predicted.plain.argmax(1) != views.labels[:held_out]).sum())
        scored.append(Scored(count, wrong, held_out))
    return tuple(scored), seconds


def _line(counts: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Return the seconds at no picture and those for each, by the first and the last count; neither below 0."""
    if not counts:
        return 0.0, 0.0
    each = 0.0 if len(counts) == 1 else max(0.0, (seconds[-1] - seconds[0]) / (counts[-1] - counts[0]))
    return max(0.0, seconds[0] - each * counts[0]), each
