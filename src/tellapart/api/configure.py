"""The complete configuration of a training: a recipe, adapted to the images, with the settings that somebody gave."""

from typing import Any

from tellapart.classifier.backbone_choice import choose_backbone
from tellapart.errors import ConfigError
from tellapart.recipes.adapt import (
    adapted_to,
    changed,
    for_target,
    held_out_for_transfer,
    with_several_labels,
    without_augmentation,
)
from tellapart.recipes.augmented import Given, check_augment, check_augmentation, with_augmentation
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.given import settings_from
from tellapart.recipes.recipes import find_recipe


def configured(
    recipe: str | TrainConfig,
    mirrors: bool,
    augment: bool | Given,
    target: float | None,
    changes: dict[str, Any],
    images: int,
    *,
    has_validation: bool = False,
    is_timed: bool = False,
) -> TrainConfig:
    """Return the complete configuration of a training.

    Args:
        recipe: its name, or a configuration.
        mirrors: whether a mirrored image keeps its class.
        augment: False switches augmentation off; anything else changes the recipe's, see `with_augmentation`.
        target: validation accuracy, 0 to 1, at which the training may end.
        changes: settings to change, as `recipes.given` reads them.
        images: how many there are to train on.
        has_validation: whether the data has a validation split of its own.
        is_timed: whether minutes decide the length of the training, whatever the target is.

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range.
    """
    check_augment(augment)
    augment = False if isinstance(augment, str) and augment.strip().lower() == "none" else augment
    changes = settings_from(changes)
    _refuse_both(augment, changes)
    if isinstance(recipe, TrainConfig):
        config = recipe.changed(target=target)
    else:
        config = adapted_to(find_recipe(recipe)(mirrors=mirrors), images, has_validation=has_validation)
        config = (
            for_target(config, target, images) if target and not is_timed else config.changed(target=target)
        )
    if config.head is not None and target is not None and not is_timed:
        raise ConfigError(
            "The recipe transfer has no target: it computes features once and fits a last layer to them. Leave the "
            "target out, or train from scratch with --recipe fast."
        )
    config = changed(config, changes)
    if config.multi_label:
        config = with_several_labels(config)
    if not isinstance(augment, bool):
        config = with_augmentation(config, augment)
    if config.backbone is not None and ("backbone" in changes or not isinstance(recipe, TrainConfig)):
        choice = choose_backbone(config.backbone, config.size)
        policy = changes.get("policy") or choice.preprocessing.policy
        config = config.changed(backbone=choice.argument, policy=policy)
    if config.head is not None:
        _refuse_without_held_out(config, changes)
        config = held_out_for_transfer(config, images, changes.get("validation_share"))
    if config.validation == "test" and changes.get("validation_share") is not None:
        raise ConfigError(
            f"{config.recipe} holds out no pictures for validation: like the tutorial, it scores each epoch on the "
            "test pictures. Leave out the validation share, or use the recipe quick."
        )
    if augment is False:
        config = without_augmentation(config)
    check_augmentation(config, mirrors)
    return config


def _refuse_without_held_out(config: TrainConfig, changes: dict[str, Any]) -> None:
    """Refuse cross-validation where it was asked for beside what needs held-out images.

    Raises:
        ConfigError: both.
    """
    if changes.get("validation") != "cross-validation":
        return
    if config.fine_tune == "on" or "validation_share" in changes:
        what = "fine-tuning" if config.fine_tune == "on" else "a validation share"
        raise ConfigError(
            f"Cross-validation holds out no pictures, and {what} needs some. Leave out the validation setting, or "
            f"{what}."
        )


def _refuse_both(augment: bool | Given, changes: dict[str, Any]) -> None:
    """Refuse augmentation that is switched off and asked for, or asked for in two ways.

    Raises:
        ConfigError: both.
    """
    names = ("augmentation", "mixing", "mixing_strength")
    given = [name for name in names if name in changes]
    given += [name for name in changes.get("set", {}) if "augmentation." in name or name in names]
    if not isinstance(augment, bool) and given:
        raise ConfigError(
            f"augment, and {' and '.join(given)}: both change the augmentation. Give all of it in augment, such as "
            '"rotation_range=15,cutmix.strength=0.5".'
        )
    if augment is False and given:
        raise ConfigError(
            f"No augmentation, and {' and '.join(given)}: choose one. To train on the pictures as they are, leave out "
            f"{'it' if len(given) == 1 else 'them'}."
        )
