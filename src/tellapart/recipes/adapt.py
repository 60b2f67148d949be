"""Adapt a recipe to few images or to a target accuracy."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

from tellapart.errors import ConfigError
from tellapart.models.networks import OWN
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.forms import optimizer_from
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings, refuse_unread
from tellapart.recipes.set_fields import with_fields

Settings = TypeVar("Settings", bound=OptimizerSettings | MuonSettings | CompiledSettings)

SHORT: dict[str, Any] = {
    "widths": (64, 128, 256),
    "optimizer": MuonSettings(learning_rate=0.17),
    "batch_size": 250,
    "statistics_over": 125,
    "tta_views": 1,
}
"""What the short schedules of `fast` have in common: a smaller network, smaller batches."""


FEWEST_FOR_SHORT_SCHEDULES = 20_000
"""Fewest training images for which a short schedule is used."""


MOST_TO_CROSS_VALIDATE, MOST_HELD_OUT = 1000, 5000
"""Training images up to which a head is cross-validated; and most images held out where there are more."""


FEWEST_VALIDATION, MOST_OF_TRAINING = 100, 0.2
"""Images held out where images are few, so that a score on them is meaningful; but at most this share of them."""


STEPS_PER_EPOCH, SMALLEST_BATCH = 20, 32
"""Fewest steps in an epoch of Muon; and the smallest batch, which takes precedence."""


SHORT_SCHEDULES: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.65, {**SHORT, "epochs": 1, "pictures_per_epoch": 10_000}),
    (0.72, {**SHORT, "epochs": 1, "pictures_per_epoch": 20_000}),
    (0.80, {**SHORT, "epochs": 2}),
)
"""Shortest schedules of `fast` on CIFAR-10: the validation accuracy that each reaches, and its settings."""


def for_target(config: TrainConfig, target: float, images: int) -> TrainConfig:
    """Return the configuration ending once its validation accuracy is `target`; `fast` also gets a shorter schedule.

    The short schedules need tens of thousands of images; with fewer, the full schedule is kept. A learning rate
    that falls to zero within a short run gets further than the beginning of a long one. On data other than
    CIFAR-10 a short schedule may miss the target; the run reports what it reached.

    Args:
        config: complete.
        target: validation accuracy, 0 to 1.
        images: number of training images.

    Raises:
        ConfigError: `target` is not between 0 and 1, or epochs are scored on the test split.
    """
    uses_short = config.recipe == "fast" and images >= FEWEST_FOR_SHORT_SCHEDULES
    schedules = SHORT_SCHEDULES if uses_short else ()
    settings = next((settings for accuracy, settings in schedules if target <= accuracy), {})
    return config.changed(target=target, **settings)


def adapted_to(config: TrainConfig, images: int, *, has_validation: bool = False) -> TrainConfig:
    """Return a recipe's configuration for this many images.

    A head is cross-validated where images are few, else scored on held-out ones: 10% of them, at most MOST_HELD_OUT.

    Muon gets batches small enough for about twenty steps an epoch. Its learning rate scales with the square root of the
    batch size, since gradients of smaller batches are noisier, and more images are held out, so that the validation
    score is meaningful: 100, but at most a fifth.

    Args:
        config: complete.
        images: number of images in the training split.
        has_validation: whether the data has a validation split of its own.
    """
    if config.head is not None and (has_validation or images > MOST_TO_CROSS_VALIDATE):
        share = min(config.validation_share, MOST_HELD_OUT / max(1, images))
        return config.changed(validation="held out", validation_share=share)
    if not isinstance(config.optimizer, MuonSettings) or images >= STEPS_PER_EPOCH * config.batch_size:
        return config
    batch_size = max(SMALLEST_BATCH, images // STEPS_PER_EPOCH)
    rate = config.optimizer.learning_rate * (batch_size / config.batch_size) ** 0.5
    return config.changed(
        batch_size=batch_size,
        statistics_over=min(config.statistics_over or batch_size, batch_size),
        optimizer=dataclasses.replace(config.optimizer, learning_rate=rate),
        validation_share=_share_of_few(config, images),
    )


LOWEST_RATE, HIGHEST_RATE = 1e-12, 1e6
"""Learning rates outside are slips of the hand; float32 holds what they are multiplied by."""

OF_FINE_TUNING = (
    "epochs", "batch_size", "learning_rate", "optimizer", "weight_decay", "label_smoothing", "patience",
)  # fmt: skip
"""Settings that a transfer has for its fine-tuning alone."""

OF_OPTIMIZER = ("optimizer", "learning_rate", "weight_decay")
"""Those of them that change an optimizer's settings."""

NOT_OF_TRANSFER = (
    "augmentation", "mixing", "mixing_strength", "keep", "pictures_per_epoch", "sampling", "statistics_over",
    "tta_views", "choose_views", "network", "widths", "depth", "planned_steps",
)  # fmt: skip
"""Settings that a transfer does not read: its head and its fine-tuning have their own."""


def changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration with some settings changed; those of OF_FINE_TUNING make a transfer fine-tune.

    Args:
        config: complete.
        changes: as `recipes.given.settings_from` returns them; None: not given.

    Raises:
        ConfigError: a setting is out of range, or belongs to fine-tuning, which is off.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    fields = changes.pop("set", {})
    if config.head is None:
        _refuse_of_transfer(config, changes)
        result = with_fields(_changed_from_scratch(config, changes), fields)
        _refuse_without_effect(result, [*changes, *fields])
        return result
    _refuse_from_scratch(config, [*changes, *fields])
    result = with_fields(_changed_transfer(config, changes, fields), fields)
    if result.fine_tuning is not None:
        refuse_unread(result.fine_tuning.optimizer, _below("fine_tuning.optimizer.", fields))
    return result


def _below(prefix: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _refuse_of_transfer(config: TrainConfig, changes: Mapping[str, Any]) -> None:
    if changes.get("fine_tune") not in (None, "off"):
        raise ConfigError(
            f"The recipe {config.recipe} trains from scratch, so nothing can be fine-tuned. Leave out --fine-tune, or "
            "use the recipe transfer."
        )
    for name in ("freeze", "head", "fine_tuning"):
        if name in changes:
            raise ConfigError(
                f"{name} is for pretrained networks: the recipe {config.recipe} trains every layer from scratch. Leave "
                "it out, or use the recipe transfer."
            )


def _refuse_without_effect(config: TrainConfig, names: Sequence[str]) -> None:
    """Refuse what a training from scratch would not read, or could not build."""
    refuse_unread(config.optimizer, _below("optimizer.", names))
    if "mixing_strength" in names and config.mixing == "none":
        raise ConfigError(
            "mixing_strength is how strongly pictures are mixed, and none are. Add a mixing (mixup, cutmix, ricap), or "
            "leave out the strength."
        )
    if "network" in names and config.network in (OWN, "backbone"):
        raise ConfigError(
            f"The network {config.network} cannot be set: train a model of your own with --model FILE.keras, and a "
            "pretrained network with recipe transfer."
        )


def _changed_from_scratch(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration of a training from scratch with some settings changed.

    With a patience, the best epoch is kept: the last ones are known to be no better. Views that were given are used.
    """
    fields = {name: value for name, value in changes.items() if name not in OF_OPTIMIZER}
    if "epochs" in changes and "planned_steps" not in changes:
        config = dataclasses.replace(config, planned_steps=None)
    if "patience" in changes:
        fields.setdefault("keep", "best")
    if "tta_views" in changes:
        fields.setdefault("choose_views", False)
    return config.changed(**fields, optimizer=_optimizer(config.optimizer, changes))


def _refuse_from_scratch(config: TrainConfig, names: Sequence[str]) -> None:
    """Refuse what a transfer does not read."""
    firsts = dict.fromkeys(name.partition(".")[0] for name in names)
    if "sampling" in firsts:
        raise ConfigError(
            f"The recipe {config.recipe} fits its last layer to all pictures at once, so there is nothing to sample. "
            "For classes of unequal size, use class_weight balanced; or train from scratch with recipe fast."
        )
    without_effect = [name for name in firsts if name in NOT_OF_TRANSFER]
    dotted = [name for name in names if name.startswith("optimizer.")]
    if without_effect or dotted:
        raise ConfigError(
            f"A transfer has no {' or '.join([*without_effect, *dotted])}. Change its head (HeadSettings) or its "
            "fine_tuning (FineTuning), such as fine_tuning.optimizer.epsilon, or train from scratch with recipe fast."
        )


def _changed_transfer(
    config: TrainConfig, changes: Mapping[str, Any], fields: Mapping[str, Any]
) -> TrainConfig:
    """Return a transfer's configuration with some settings changed."""
    given = {name: changes[name] for name in OF_FINE_TUNING if name in changes}
    below = [name for name in fields if name.startswith("fine_tuning.")]
    others = {name: value for name, value in changes.items() if name not in (*OF_FINE_TUNING, "freeze")}
    freeze = changes.get("freeze")
    if freeze is not None:
        others["fine_tune"] = freeze.fine_tune
    if not given and not below and freeze is None:
        return config.changed(**others)
    if config.fine_tuning is None or others.get("fine_tune") == "off":
        if given or below:
            raise ConfigError(_off([*given, *below], freeze is not None))
        return config.changed(**others)
    tuning = others.get("fine_tuning", config.fine_tuning)
    if freeze is not None:
        tuning = dataclasses.replace(tuning, stages=freeze.stages)
    own = {name: value for name, value in given.items() if name not in OF_OPTIMIZER}
    own |= {"planned_steps": None} if "epochs" in own else {}
    optimizer = _optimizer(tuning.optimizer, given, tunes=True)
    tuning = dataclasses.replace(tuning, **own, optimizer=optimizer)
    return config.changed(**{"fine_tune": "on", **others, "fine_tuning": tuning})


def _off(names: Sequence[str], is_frozen: bool) -> str:
    """Return the error where settings of fine-tuning are given, and it is off."""
    words = " and ".join(names).replace("_", " ")
    them = "it" if len(names) == 1 and "epochs" not in names else "them"
    instead = "--freeze all" if is_frozen else "--fine-tune off"
    return (
        f"The recipe transfer uses the {words} only in fine-tuning, which is off. Leave {them} out, or leave out "
        f"{instead}."
    )


def _optimizer(own: Settings, changes: Mapping[str, Any], *, tunes: bool = False) -> Settings:
    """Return an optimizer's settings with what was given of it."""
    settings: Any = own
    if "optimizer" in changes:
        settings = optimizer_from(changes["optimizer"], settings, tunes=tunes)
    if tunes and isinstance(settings, MuonSettings):
        raise ConfigError("Fine-tuning has no Muon. Choose sgd, adam, adamw or rmsprop.")
    if "learning_rate" in changes:
        settings = at_learning_rate(settings, changes["learning_rate"])
    if "weight_decay" in changes:
        settings = dataclasses.replace(settings, weight_decay=changes["weight_decay"])
    return settings


def at_learning_rate(settings: Settings, rate: float) -> Settings:
    """Return an optimizer's settings with another learning rate; Muon's rates of biases and head change alike.

    Raises:
        ConfigError: the rate is no number, or out of range.
    """
    if isinstance(rate, bool) or not isinstance(rate, Real) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ConfigError(
            f"learning_rate is a number from {LOWEST_RATE:g} to {HIGHEST_RATE:g}, such as 0.001; got {str(rate)[:40]}."
        )
    factor = float(rate) / settings.learning_rate if settings.learning_rate else 1.0
    return dataclasses.replace(_scaled(settings, factor), learning_rate=float(rate))


def _scaled(settings: Settings, factor: float) -> Settings:
    names = ["learning_rate", *(["bias_rate", "head_rate"] if isinstance(settings, MuonSettings) else [])]
    return dataclasses.replace(settings, **{name: factor * getattr(settings, name) for name in names})


def held_out_for_transfer(config: TrainConfig, images: int, share: float | None) -> TrainConfig:
    """Return a transfer's configuration with images held out where their share was given, or fine-tuning needs them.

    Without them nothing could tell if fine-tuning helps.

    Args:
        config: complete.
        images: number of images in the training split.
        share: as given, 0 to 1; None: not given.
    """
    if share is not None:
        return config.changed(validation="held out", validation_share=share)
    if config.validation != "cross-validation" or config.fine_tune != "on":
        return config
    return config.changed(validation="held out", validation_share=_share_of_few(config, images))


def with_several_labels(config: TrainConfig) -> TrainConfig:
    """Return the configuration for several labels a picture: a transfer's head is fitted, and nothing fine-tuned."""
    return config.changed(multi_label=True, fine_tune="off" if config.fine_tune == "auto" else None)


def _share_of_few(config: TrainConfig, images: int) -> float:
    return max(config.validation_share, min(MOST_OF_TRAINING, FEWEST_VALIDATION / images))


def at_lower_rates(config: TrainConfig, factor: float) -> TrainConfig:
    """Return the configuration with all its learning rates multiplied by a factor."""
    return config.changed(optimizer=_scaled(config.optimizer, factor))


def without_augmentation(config: TrainConfig) -> TrainConfig:
    """Return the configuration on the images as they are."""
    head, fine_tuning = config.head, config.fine_tuning
    if head is not None:
        head = dataclasses.replace(head, mirror=False)
    if fine_tuning is not None:
        fine_tuning = dataclasses.replace(fine_tuning, augmentation=None)
    return dataclasses.replace(
        config, augmentation=None, mixing="none", mixing_strength=None, head=head, fine_tuning=fine_tuning
    )
