"""What a training is given, made complete: which data, which recipe, and its whole configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tellapart.api.configure import configured
from tellapart.api.listener import Listener
from tellapart.api.minutes.begin import in_minutes
from tellapart.api.minutes.deadline import Deadline
from tellapart.api.own_model import OwnGiven, prepared_own
from tellapart.api.repeat import repeated
from tellapart.data.dataset import Dataset
from tellapart.data.open import open_dataset
from tellapart.data.sources.label_choice import as_labels, with_several
from tellapart.errors import ConfigError
from tellapart.recipes.augmented import Given
from tellapart.recipes.auto import AUTO, Choice, choose_recipe
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.given import ALIASES, KEYWORDS, settings_from
from tellapart.recipes.own_model import refuse_settings_of_recipes
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.runs.own_run import OwnRun

RECIPE_FOR_TARGETS, RECIPE_OF_BACKBONES = "fast", "transfer"
OF_BACKBONES = {"backbone", "freeze", "head", "fine_tuning"}
"""Settings that only the recipe of backbones has."""

ANY_RECIPE = "quick"
"""Whose settings are those of every recipe that `auto` may choose."""

Opener = Callable[[Any, Any], Dataset]
"""(data, labels) -> labeled images."""

ConfiguredData = tuple[Dataset, TrainConfig, MinutesPlan | None, str, OwnRun | None]
"""Images, their configuration, its plan where there are minutes, why its recipe was chosen, a model that was given."""


def default_recipe(target: float | None, settings: Mapping[str, Any]) -> str:
    """Return the recipe's name where none is given: the one that has the settings that are given.

    Args:
        target: validation accuracy, 0 to 1.
        settings: keywords of `train`, in any form; those that are no settings of a training are left out.

    Raises:
        ConfigError: as `settings_from`.
    """
    settings = settings_from(
        {name: value for name, value in settings.items() if name in (*KEYWORDS, *ALIASES)}
    )
    names = [*settings, *(name.partition(".")[0] for name in settings.get("set", {}))]
    if settings.get("fine_tune") == "on" or not OF_BACKBONES.isdisjoint(names):
        return RECIPE_OF_BACKBONES
    return AUTO if target is None else RECIPE_FOR_TARGETS


def opener_of(class_names: Sequence[str] | None, listener: Listener, *, for_training: bool) -> Opener:
    """Return what opens data and labels, and downloads a known set that is not there."""
    return lambda data, labels: open_dataset(
        data,
        labels=labels,
        class_names=class_names,
        download=True,
        progress=listener.downloading,
        for_training=for_training,
    )


def _given_or_repeated(config: Any, recipe: Any, data: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Return recipe, data and labels as given, or those of the run whose settings are to be repeated."""
    if config is None:
        return recipe, data, labels
    if recipe is not None:
        raise ConfigError("config has a recipe of its own. Leave out the recipe, or the config.")
    return repeated(config, data, labels)


def meant(
    config: Any, recipe: Any, data: Any, labels: Any, changes: dict[str, Any], multi_label: bool | None
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return recipe, data, labels and changes, those of a run that is repeated where there is one.

    Labels and changes both say whether a picture may have several labels, where something does.

    Raises:
        ConfigError: the keyword denies it, and labels or recipe say so.
    """
    recipe, data, labels = _given_or_repeated(config, recipe, data, labels)
    said = as_labels(labels).multi_label or (isinstance(recipe, TrainConfig) and recipe.multi_label)
    denied = multi_label is False or as_labels(labels).multi_label is False
    if denied and (said or multi_label):
        raise ConfigError(
            "multi_label=False, and the labels or the recipe are of several labels a picture. Leave it out, or give "
            "labels with one class a picture and another recipe."
        )
    if not (multi_label or said):
        return recipe, data, labels, changes
    return recipe, data, with_several(labels), {**changes, "multi_label": True}


def opened_and_configured(
    data: Any,
    labels: Any,
    opened: Opener,
    recipe: str | TrainConfig | None,
    augment: bool | Given,
    target: float | None,
    changes: dict[str, Any],
    own_given: OwnGiven,
    listener: Listener,
    deadline: Deadline | None,
) -> ConfiguredData:
    """Open the data, and complete the configuration for it."""
    changes = settings_from(changes)
    own_given.refuse_without_model(recipe)
    if "target" in changes and target is not None:
        raise ConfigError("target is given twice: by itself and in set. Give it once.")
    target = changes.pop("target", target)
    if own_given.model is not None:
        refuse_settings_of_recipes({**changes, "recipe": recipe})
        dataset = opened(data, labels)
        _refuse_shares_of_own_splits(dataset, changes)
        own, complete, told = prepared_own(own_given, dataset, augment, target, changes)
        for words in told:
            listener.notice(words)
        return dataset, complete, None, "", own
    if recipe is None or recipe == AUTO:
        recipe = default_recipe(None if deadline else target, changes)
    # A bad setting is refused before any download.
    is_timed = deadline is not None
    configured(ANY_RECIPE if recipe == AUTO else recipe, True, augment, target, changes, 1, is_timed=is_timed)
    dataset = opened(data, labels)
    if dataset.shards is not None and is_timed:
        raise ConfigError(
            f"{dataset.where}: a number of minutes is planned from pictures at hand, and those in shards are streamed. "
            "Leave out the minutes, and give the epochs."
        )
    _refuse_shares_of_own_splits(dataset, changes)
    choice = choose_recipe(dataset) if recipe == AUTO else Choice(recipe, "")
    images, has_validation = dataset.training_size, "validation" in dataset.splits

    def configured_by(recipe: str | TrainConfig) -> TrainConfig:
        given = (recipe, dataset.mirrors, augment, target, changes, images)
        return configured(*given, has_validation=has_validation, is_timed=is_timed)

    config, plan = in_minutes(
        configured_by(choice.recipe), choice, configured_by, dataset, deadline, listener
    )
    return dataset, config, plan, choice.reason if config.recipe == choice.recipe else "", None


def _refuse_shares_of_own_splits(dataset: Dataset, changes: Mapping[str, Any]) -> None:
    """Refuse a share of images to be held out where the data has a split for them.

    Raises:
        ConfigError: it has.
    """
    for split in ("validation", "test"):
        if f"{split}_share" in changes and split in dataset.splits:
            raise ConfigError(
                f"{dataset.where} has {split} pictures of its own ({len(dataset.splits[split]):,}), so none are held "
                f"out for that. Leave out the {split} share."
            )


def nothing_to_train_on(labels: Any) -> str:
    """Return the error where no data are given, or a file of labels alone."""
    choice = as_labels(labels)
    beside = (
        f" For pictures beside {choice.file}, give that file: tellapart train {choice.file}"
        if choice.is_file
        else ""
    )
    return f"Nothing to train on: give a known data set's name, a folder of pictures, or arrays.{beside}"
