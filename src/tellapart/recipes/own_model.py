"""The configuration of a training of somebody's own Keras model, and the model compiled where it is not."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.data.augmentation.mix import MIXINGS
from tellapart.errors import ConfigError
from tellapart.inference.probability_net import LOGITS, OF_SECOND, Head
from tellapart.keras_backend import import_keras
from tellapart.models.networks import OWN
from tellapart.recipes.adapt import HIGHEST_RATE, LOWEST_RATE, changed, without_augmentation
from tellapart.recipes.augmented import check_augmentation, with_augmentation
from tellapart.recipes.build import build_optimizer
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.recipes.recipes import quick
from tellapart.training.loss_form import LossForm

OWN_MODEL = "own-model"
"""What stands for the recipe."""

OF_RECIPES = (
    "recipe", "network", "widths", "depth", "backbone", "head", "fine_tune", "fine_tuning", "statistics_over",
    "validation", "freeze", "multi_label",
)  # fmt: skip
"""Settings of a training that decide on a network of tellapart's, or need one."""

OF_COMPILING = ("optimizer", "weight_decay", "label_smoothing")
"""Settings that a compiled model has already."""

SET_THE_RATE = ("ReduceLROnPlateau", "LearningRateScheduler")
"""Keras callbacks that change the learning rate: it must not follow a schedule then."""


def refuse_settings_of_recipes(changes: Mapping[str, Any]) -> None:
    """Raise if something is chosen that a model of one's own decides.

    Raises:
        ConfigError: naming it.
    """
    below = dict.fromkeys(name.partition(".")[0] for name in changes.get("set") or {})
    given = [name for name in OF_RECIPES if changes.get(name) is not None or name in below]
    if given:
        names = " and ".join(name.replace("_", "-") for name in given)
        raise ConfigError(
            f"{names} cannot be chosen beside a model of your own, which is trained as it is. Leave "
            f"{'it' if len(given) == 1 else 'them'} out, or leave out the model."
        )


def own_config(
    mirrors: bool,
    augment: Any,
    target: float | None,
    changes: Mapping[str, Any],
    compiled: CompiledSettings | None,
    callbacks: Sequence[str],
) -> TrainConfig:
    """Return the complete configuration.

    It is that of `quick`, but for what the model was compiled with, and the last epoch is the model, as in Keras's
    `fit`: callbacks may restore the weights of another one. Arithmetic is that of the model's layers.

    Args:
        mirrors: whether a mirrored image keeps its class.
        augment: as in `tellapart.train`.
        target: validation accuracy, 0 to 1, at which the training may end.
        changes: as `recipes.given` returns them.
        compiled: how the model was compiled; None: it was not.
        callbacks: class names of the Keras callbacks.

    Raises:
        ConfigError: a setting is unknown, out of range, or the model's own.
    """
    refuse_settings_of_recipes(changes)
    config = dataclasses.replace(
        quick(mirrors=mirrors), recipe=OWN_MODEL, network=OWN, keep="last", precision="float32", target=target
    )
    if compiled is not None:
        config = _as_compiled(config, compiled, changes)
        changes = {name: value for name, value in changes.items() if name != "learning_rate"}
    elif any(name in SET_THE_RATE for name in callbacks):
        config = _at_constant_rate(config)
    config = changed(config, changes)
    if not isinstance(augment, bool):
        config = with_augmentation(config, augment)
    elif not augment:
        config = without_augmentation(config)
    check_augmentation(config, mirrors)
    return config


def _as_compiled(config: TrainConfig, compiled: CompiledSettings, changes: Mapping[str, Any]) -> TrainConfig:
    given = [name for name in OF_COMPILING if changes.get(name) is not None]
    given += [name for name in changes.get("set", {}) if name.startswith("optimizer.")]
    if given:
        names = " and ".join(given)
        raise ConfigError(
            f"The model is compiled already ({compiled.in_words()}), so {names} cannot be chosen. Compile it with what "
            "you want, or give it uncompiled. Its learning rate alone can be changed: --learning-rate."
        )
    rate = changes.get("learning_rate")
    if rate is None:
        return dataclasses.replace(config, optimizer=compiled)
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ConfigError(
            f"learning_rate is a number from {LOWEST_RATE:g} to {HIGHEST_RATE:g}, such as 0.001; got {str(rate)[:40]}."
        )
    if compiled.schedule != "constant":
        raise ConfigError(
            f"The model is compiled with a schedule of the learning rate ({compiled.schedule}), which a single number "
            "cannot replace. Leave out the learning rate, or compile the model with another one."
        )
    return dataclasses.replace(config, optimizer=dataclasses.replace(compiled, learning_rate=float(rate)))


def _at_constant_rate(config: TrainConfig) -> TrainConfig:
    """Return the configuration without a schedule, which a callback that sets the rate could not change."""
    assert isinstance(config.optimizer, OptimizerSettings)
    settings = dataclasses.replace(
        config.optimizer, schedule="inverse time", decay=0.0, warmup_fraction=0.0
    )  # 1 / (1 + 0 * step)
    return dataclasses.replace(config, optimizer=settings)


def refuse_mixing(config: TrainConfig, form: LossForm) -> None:
    """Raise if images are mixed whose targets the loss cannot take.

    Raises:
        ConfigError: it takes class numbers.
    """
    if config.mixing != "none" and form.targets == "class numbers":
        raise ConfigError(
            f"{config.mixing} gives a picture two classes, and the loss {form.name} takes one class number. Leave out "
            f"{config.mixing}, or compile the model with CategoricalCrossentropy. ({', '.join(MIXINGS)})"
        )


def compile_own(model: Any, config: TrainConfig, head: Head, steps: int) -> None:
    """Compile a model that is not: with the configured optimizer, and the cross-entropy of its outputs.

    Args:
        model: uncompiled.
        config: its optimizer and label smoothing.
        head: what the model's outputs mean.
        steps: of the whole training.
    """
    keras = import_keras()
    settings = config.optimizer
    optimizer = build_optimizer(settings, steps)
    if is_constant(settings):
        optimizer = type(optimizer).from_config(
            {**optimizer.get_config(), "learning_rate": settings.learning_rate}
        )
    kind = keras.losses.BinaryCrossentropy if head in OF_SECOND else keras.losses.CategoricalCrossentropy
    loss = kind(from_logits=head in LOGITS, label_smoothing=config.label_smoothing)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])


def is_constant(settings: Any) -> bool:
    """Return whether an optimizer's learning rate stays as it is unless a callback sets it."""
    return (
        isinstance(settings, OptimizerSettings) and settings.schedule == "inverse time" and not settings.decay
    )
