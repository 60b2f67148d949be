"""The complete configuration of a training: a recipe, adapted to the images, with the settings that somebody gave."""

import dataclasses
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
from tellapart.recipes.augmented import check_augmentation, with_augmentation
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import find_recipe


def configured(
    recipe: str | TrainConfig,
    mirrors: bool,
    augment: bool | str,
    target: float | None,
    changes: dict[str, Any],
    images: int,
    *,
    has_validation: bool = False,
) -> TrainConfig:
    """Return the complete configuration of a training.

    Args:
        recipe: its name, or a configuration.
        mirrors: whether a mirrored image keeps its class.
        augment: False switches augmentation off; a text changes the recipe's, see `data.augmentation.spec`.
        target: validation accuracy, 0 to 1, at which the training may end.
        changes: fields to change, and learning_rate, that of the optimizer.
        images: how many there are to train on.
        has_validation: whether the data has a validation split of its own.

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range.
    """
    if isinstance(recipe, TrainConfig):
        config = recipe
    else:
        config = adapted_to(find_recipe(recipe)(mirrors=mirrors), images, has_validation=has_validation)
    known = {field.name for field in dataclasses.fields(TrainConfig)} | {"learning_rate"}
    if unknown := sorted(set(changes) - known):
        raise ConfigError(
            f"A training has no setting {', '.join(unknown)}. It has: {', '.join(sorted(known))}."
        )
    if target is not None:
        config = for_target(config, target, images)
    if config.head is not None and target is not None:
        raise ConfigError(
            "The recipe transfer has no target: it computes features once and fits a last layer to them. Leave the "
            "target out, or train from scratch with --recipe fast."
        )
    config = changed(config, changes)
    if config.multi_label:
        config = with_several_labels(config)
    if isinstance(augment, str):
        config = with_augmentation(config, augment)
    if config.backbone is not None and not isinstance(recipe, TrainConfig):
        choice = choose_backbone(config.backbone, config.size)
        policy = changes.get("policy") or choice.preprocessing.policy
        config = config.changed(backbone=choice.argument, policy=policy)
    if config.head is not None:
        config = held_out_for_transfer(config, images, changes.get("validation_share"))
    if config.validation == "test" and changes.get("validation_share") is not None:
        raise ConfigError(
            f"{config.recipe} holds out no pictures for validation: like the tutorial, it scores each epoch on the "
            "test pictures. Leave out the validation share, or use the recipe quick."
        )
    if not augment:
        config = without_augmentation(config)
    check_augmentation(config, mirrors)
    return config
