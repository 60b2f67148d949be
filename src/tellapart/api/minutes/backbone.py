"""Measure a transfer: the seconds of a backbone's features, and what last layers fitted to some pictures score."""

import time
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

    fitting_seconds: float
    """Of a last layer, for each picture that it is fitted to."""

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
    scored, fitting = _curve(
        config, Views([features], some.labels).take(order), len(sample.whole.class_names)
    )
    return TransferMeasured(rate, fitting, scored)


def _curve(config: TrainConfig, views: Views, classes: int) -> tuple[tuple[Scored, ...], float]:
    """Return the scores of last layers fitted to parts of the pictures, and the seconds for each picture."""
    assert config.head is not None
    held_out = max(1, round(HELD_OUT * len(views.labels)))
    rows = np.arange(len(views.labels))
    scored, seconds = [], 0.0
    for part in PARTS:
        count = round(part * (len(rows) - held_out))
        fitted = views.take(rows[held_out : held_out + count])
        if np.bincount(fitted.labels, minlength=classes).min() < FEWEST_OF_A_CLASS:
            continue
        began = time.monotonic()
        choice = choose_on_held_out(
            fitted, views.take(rows[:held_out]), classes, config.head.penalties, config.seed
        )
        seconds = (time.monotonic() - began) / count
        wrong = int((choice.predicted.plain.argmax(1) != views.labels[:held_out]).sum())
        scored.append(Scored(count, wrong, held_out))
    return tuple(scored), seconds
