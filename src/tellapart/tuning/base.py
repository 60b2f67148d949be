"""Base: what a tuning searches, as it is written down and read again: data, the untuned recipe, space, store."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tellapart import __version__
from tellapart.api.completed import meant, nothing_to_train_on, opened_and_configured, opener_of
from tellapart.api.listener import Listener
from tellapart.api.own_model import OwnGiven
from tellapart.data.open import opens_the_same, reopening
from tellapart.data.sources.label_choice import labels_from
from tellapart.errors import ConfigError
from tellapart.pages.card import Readable
from tellapart.recipes.adapt import held_out_for_transfer
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.given import settings_from
from tellapart.recipes.spaces import SPACES
from tellapart.tuning.folder import SETTINGS, TuningFolder
from tellapart.tuning.space import FINE_TUNE, Space, is_of_fine_tuning, space_for
from tellapart.tuning.store import HIDDEN, without_password


@dataclass(frozen=True, slots=True)
class Base(Readable):
    """Everything that all trials of a tuning have in common."""

    config: TrainConfig
    """Complete; the untuned recipe. The test split decides nothing: where the recipe validates on it, or on no images
    that are held out, some are held out."""

    space: Space
    data: Any
    """As `train` takes it."""

    labels: Any
    class_names: tuple[str, ...] | None
    data_name: str
    images: int
    """Training images, before some are held out."""

    notes: tuple[str, ...] = ()
    """What differs from a plain training, in sentences without full stops."""

    def settings(self, storage: str | None) -> dict[str, Any]:
        """Return what tuning.toml records; data in memory has to be given again."""
        return {
            "tellapart": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "study": f"tellapart-{uuid.uuid4().hex[:12]}",
            **({} if storage is None else {"storage": without_password(storage)}),
            "space": self.space.texts,
            "data": {"name": self.data_name, "images": self.images, **reopening(self.data, self.labels)},
            "notes": list(self.notes),
            "run": self.config.to_dict(),
        }


def base_of(
    data: Any,
    labels: Any,
    class_names: Any,
    recipe: Any,
    config: Any,
    augment: Any,
    multi_label: bool | None,
    changes: Mapping[str, Any],
    space: Mapping[str, str],
    listener: Listener,
) -> Base:
    """Return the base of a new tuning.

    Args:
        data: as for `train`, with the arguments up to `changes`.
        labels: likewise.
        class_names: likewise.
        recipe: likewise.
        config: likewise.
        augment: likewise.
        multi_label: likewise.
        changes: settings that are not searched.
        space: setting -> domain as a text, in place of the recipe's own.
        listener: hears of a download.

    Raises:
        ConfigError, DataError: as `train`; or a space that cannot be searched.
    """
    refuse_target(changes)
    if data is None and config is None:
        raise ConfigError(nothing_to_train_on(labels))
    recipe, data, labels, changes = meant(config, recipe, data, labels, dict(changes), multi_label)
    opened = opener_of(class_names, listener, for_training=True)
    dataset, complete, _, reason, _ = opened_and_configured(
        data, labels, opened, recipe, augment, None, changes, OwnGiven(), listener, None
    )
    complete = _without_plan(complete)
    images = dataset.training_size
    fixed = _given_names(changes, augment)
    found = space_for(complete, space, fixed)
    complete, notes = _with_held_out(complete, found, images)
    notes = [*([f"recipe {complete.recipe}, {reason}"] if reason else []), *notes]
    names = None if class_names is None else tuple(class_names)
    return Base(complete, found, data, labels, names, dataset.name, images, tuple(notes))


def _without_plan(config: TrainConfig) -> TrainConfig:
    """Return a configuration whose trainings end after their epochs, also where a clock had planned their steps."""
    tuning = config.fine_tuning
    tuning = None if tuning is None else replace(tuning, planned_steps=None)
    return replace(config, planned_steps=None, fine_tuning=tuning)


def refuse_target(changes: Mapping[str, Any]) -> None:
    """Refuse a target: trials that end when they are good enough cannot be told apart.

    Raises:
        ConfigError: one is given.
    """
    if changes.get("target") is not None:
        raise ConfigError(
            "target ends a training once it is good enough, and tune looks for the best. Leave it out."
        )


def _given_names(changes: Mapping[str, Any], augment: Any) -> list[str]:
    """Return the settings that somebody gave a value, by the names that a space has for them."""
    settings = settings_from(changes)
    below = settings.pop("set", {})
    return [*settings, *below, *([] if augment is True else ["augment"])]


def _with_held_out(config: TrainConfig, space: Space, images: int) -> tuple[TrainConfig, list[str]]:
    """Return a configuration in which every trial is scored on the same held-out images, and what that changes."""
    if config.validation == "test":
        config = config.changed(validation="held out")
        return config, [
            f"{config.recipe} validates on the test pictures; here {100 * config.validation_share:g}% of the training "
            "pictures do"
        ]
    tunes = any(each.name == FINE_TUNE or is_of_fine_tuning(each.name) for each in space)
    if config.head is None or config.validation == "held out" or not tunes:
        return config, []
    share = held_out_for_transfer(config.changed(fine_tune="on"), images, None).validation_share
    config = config.changed(validation="held out", validation_share=share)
    return config, [
        f"{100 * share:g}% of the training pictures are held out in every trial, since fine-tuning is searched; "
        "without tuning, so few pictures are cross-validated"
    ]


def base_again(folder: TuningFolder, data: Any, labels: Any, class_names: Any) -> Base:
    """Return the base of a tuning that was begun.

    Args:
        folder: of the tuning.
        data: as given; None: as recorded.
        labels: of `data`.
        class_names: of labels in arrays.

    Raises:
        ConfigError: the data were in memory and are not given, or tuning.toml is damaged.
    """
    saved = folder.read()
    try:
        config, recorded = TrainConfig.from_dict(saved["run"]), saved["data"]
        space = space_for(config, _as_given(config, saved["space"]))
        images, name, notes = recorded["images"], recorded["name"], tuple(saved["notes"])
    except (KeyError, TypeError) as reason:
        raise ConfigError(f"{folder.path / SETTINGS} is damaged ({reason}). Begin a new tuning.") from reason
    if data is None and "argument" not in recorded:
        raise ConfigError(f"The tuning of {folder.path} is on arrays in memory: give them again.")
    if data is not None and (again := reopening(data, labels)) and not opens_the_same(again, recorded):
        raise ConfigError(
            f"{folder.path} is a tuning on {recorded.get('argument', 'arrays in memory')}. Leave out DATA, or choose "
            "another folder."
        )
    if data is None:
        data, labels = recorded["argument"], labels_from(recorded)
    names = None if class_names is None else tuple(class_names)
    return Base(config, space, data, labels, names, name, images, notes)


def _as_given(config: TrainConfig, recorded: Mapping[str, str]) -> dict[str, str]:
    """Return a recorded space as changes of the recipe's own, of which what is not recorded was left out."""
    return {**dict.fromkeys(SPACES.get(config.recipe, {}), "none"), **recorded}


def refuse_other_base(base: Base, folder: TuningFolder) -> None:
    """Refuse to go on with a tuning of other settings.

    Raises:
        ConfigError: naming what differs.
    """
    saved = folder.read()
    if base.config != TrainConfig.from_dict(saved["run"]):
        raise ConfigError(
            f"{folder.path} is a tuning with other settings ({SETTINGS} has them). Go on with tellapart tune --resume "
            f"{folder.path}, or choose another folder."
        )
    if base.space.texts != saved["space"]:
        raise ConfigError(
            f"{folder.path} searches another space ({SETTINGS} has it). Go on with tellapart tune --resume "
            f"{folder.path}, or choose another folder."
        )
    given = reopening(base.data, base.labels)
    if (given or "argument" in saved["data"]) and not opens_the_same(given, saved["data"]):
        raise ConfigError(f"{folder.path} is a tuning on other data. Choose another folder.")


def address_of(folder: TuningFolder, given: str | None) -> str | None:
    """Return the address of a tuning's store; None: SQLite in its folder.

    Raises:
        ConfigError: another one was given, or the recorded one lacks its password.
    """
    recorded = folder.read().get("storage")
    if given is not None and without_password(given) != recorded:
        where = recorded or folder.database
        raise ConfigError(
            f"The trials of {folder.path} are stored in {where}; got --storage {without_password(given)}."
        )
    if given is None and recorded is not None and f":{HIDDEN}@" in recorded:
        raise ConfigError(f"The store {recorded} needs its password: give its address again with --storage.")
    return given or recorded
