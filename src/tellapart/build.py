"""Build: a Run's numbers as Keras objects: the network, its optimiser, its loss."""

from typing import Any

from tellapart.backend import import_keras
from tellapart.models.first_cnn import first_cnn
from tellapart.recipes import OptimizerSettings, Run


def build_model(run: Run, picture_shape: tuple[int, int, int], classes: int, steps_per_epoch: int) -> Any:
    """The compiled Keras model that a run trains, its weights drawn from the run's seed.

    Args:
        run: complete.
        picture_shape: (H, W, C) of what goes in.
        classes: how many.
        steps_per_epoch: for schedules that end with the run.
    """
    keras = import_keras()
    keras.utils.set_random_seed(run.seed % 2**32)
    model = first_cnn(picture_shape, classes)
    optimizer = build_optimizer(run.optimizer, run.epochs * steps_per_epoch)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def build_optimizer(settings: OptimizerSettings, steps: int) -> Any:
    """The Keras optimiser of a run that makes `steps` steps in all."""
    keras = import_keras()
    schedules = keras.optimizers.schedules
    if settings.schedule == "inverse time":
        rate = schedules.InverseTimeDecay(settings.learning_rate, decay_steps=1, decay_rate=settings.decay)
    else:
        warmup = max(1, round(settings.warmup_fraction * steps))
        rate = schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(1, steps - warmup),
            warmup_target=settings.learning_rate,
            warmup_steps=warmup,
        )
    return getattr(keras.optimizers, settings.name)(learning_rate=rate, epsilon=settings.epsilon)
