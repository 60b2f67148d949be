"""A recipe adapted to what it is asked for: few images, or a target accuracy."""

import dataclasses
from typing import Any

from tellapart.recipes.config import MuonSettings, TrainConfig

_SHORT: dict[str, Any] = {
    "widths": (64, 128, 256),
    "optimizer": MuonSettings(learning_rate=0.17),
    "batch_size": 250,
    "statistics_over": 125,
    "tta_views": 1,
}


FEWEST_FOR_SHORT_WAYS = 20_000
"""Training pictures."""


STEPS_AT_LEAST, FEWEST_AT_ONCE = 20, 32
"""Of an epoch by Muon; and pictures of a step, where both cannot be had."""


SHORT_WAYS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.65, {**_SHORT, "epochs": 1, "pictures_per_epoch": 10_000}),
    (0.72, {**_SHORT, "epochs": 1, "pictures_per_epoch": 20_000}),
    (0.80, {**_SHORT, "epochs": 2}),
)
"""Of `fast`, on CIFAR-10: validation accuracy, and the shortest schedule known to reach it."""


def for_target(config: TrainConfig, target: float, images: int) -> TrainConfig:
    """The run, ending as soon as its validation accuracy is `target`; `fast` also by a shorter schedule.

    The schedules are for tens of thousands of pictures; on fewer the whole run is made.

    A learning rate that falls to zero within a short run gets further than the beginning of a long one.
    Elsewhere than on CIFAR-10 the short schedule may miss; the run says what it reached.

    Args:
        config: complete.
        target: 0 to 1.
        images: to learn from.

    Raises:
        ConfigError: `target` is no share, or the run is scored on the test split.
    """
    known = SHORT_WAYS if config.recipe == "fast" and images >= FEWEST_FOR_SHORT_WAYS else ()
    shorter = next((way for reached, way in known if target <= reached), {})
    return config.changed(target=target, **shorter)


def adapted_to(config: TrainConfig, images: int) -> TrainConfig:
    """A run by Muon with batches small enough that an epoch has some twenty steps; any other as it is.

    The rate falls with the root of the batch: what a step learns from fewer pictures is less certain.
    More pictures are held out, so that their score says something: 100, but at most a fifth.

    Args:
        config: complete.
        images: in the training split.
    """
    if not isinstance(config.optimizer, MuonSettings) or images >= STEPS_AT_LEAST * config.batch_size:
        return config
    batch_size = max(FEWEST_AT_ONCE, images // STEPS_AT_LEAST)
    rate = config.optimizer.learning_rate * (batch_size / config.batch_size) ** 0.5
    return config.changed(
        batch_size=batch_size,
        statistics_over=min(config.statistics_over or batch_size, batch_size),
        optimizer=dataclasses.replace(config.optimizer, learning_rate=rate),
        validation_share=max(config.validation_share, min(0.2, 100 / images)),
    )
