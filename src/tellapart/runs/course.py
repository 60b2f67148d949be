"""What the watch knows of a training by its configuration."""

from typing import Any

from tellapart.events import score_name
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.training.watch.course import Course


def course_of(config: TrainConfig, images: int, **more: Any) -> Course:
    """Return the course of a training in epochs, before its first.

    Args:
        config: of a run; of a transfer, the epochs are those of its fine-tuning.
        images: that score an epoch.
        **more: fields of the Course that the images or the network decide.
    """
    epochs = config if config.head is None or config.fine_tuning is None else config.fine_tuning
    optimizer = epochs.optimizer
    rate_falls, warmup = True, 0.0
    if isinstance(optimizer, OptimizerSettings):
        rate_falls = optimizer.schedule == "cosine"
        warmup = optimizer.warmup_fraction if rate_falls else 0.0
    elif isinstance(optimizer, CompiledSettings):
        rate_falls = optimizer.schedule != "constant"
    return Course(
        images=max(1, images),
        epochs=epochs.epochs,
        rate=optimizer.learning_rate,
        rate_falls=rate_falls,
        warmup_share=warmup,
        batch=epochs.batch_size,
        score=score_name(config.multi_label),
        augments=epochs.augmentation is not None,
        fine_tunes=config.head is not None,
        **more,
    )
