"""A recipe's augmentation changed by a text, and what no augmentation may do."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tellapart.data.augmentation.augmenter import function_is_missing
from tellapart.data.augmentation.settings import STANDARDIZING, Augmentation
from tellapart.data.augmentation.spec import Augmented, read_spec
from tellapart.errors import ConfigError
from tellapart.models.networks import NETWORKS
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.set_fields import refuse_unknown_fields, with_fields


def augmentation_of(config: TrainConfig) -> Augmented:
    """Return what happens to training images; of a transfer, in its fine-tuning."""
    if config.head is not None:
        return Augmented(None if config.fine_tuning is None else config.fine_tuning.augmentation)
    return Augmented(config.augmentation, config.mixing, config.mixing_strength)


Given = str | Mapping[str, Any] | Augmentation
"""Changes of an augmentation, as text or as single settings; or a whole one."""


def check_augment(augment: Any) -> None:
    """Check the argument `augment` of a training.

    Raises:
        ConfigError: another type, or an empty text.
    """
    if isinstance(augment, bool | Mapping | Augmentation) or (isinstance(augment, str) and augment.strip()):
        return
    raise ConfigError(
        'augment is False, or changes of the recipe\'s augmentation: a text such as "rotation_range=15,cutmix", a dict '
        f'such as {{"rotation_range": 15}}, or an Augmentation in its place; got {str(augment)[:60]!r}.'
    )


def with_augmentation(config: TrainConfig, given: Given) -> TrainConfig:
    """Return the configuration with its augmentation changed; a transfer then fine-tunes.

    Args:
        config: complete.
        given: a text as `data.augmentation.spec` reads it, single settings, or an augmentation in its place.

    Raises:
        ConfigError: an unknown switch or policy, a value out of range, or images mixed in fine-tuning.
    """
    before = augmentation_of(config)
    if isinstance(given, str):
        after = read_spec(given, before)
    elif isinstance(given, Augmentation):
        after = dataclasses.replace(before, each=given)
    else:
        fields = {f"augmentation.{name}": value for name, value in given.items()}
        refuse_unknown_fields(fields)
        scratch = dataclasses.replace(config, augmentation=before.each)
        after = dataclasses.replace(before, each=with_fields(scratch, fields).augmentation)
    if config.head is None:
        return dataclasses.replace(
            config, augmentation=after.each, mixing=after.mixing, mixing_strength=after.strength
        )
    if after.mixing != "none":
        raise ConfigError(
            f"{after.mixing} mixes pictures while a network is trained from scratch; {config.recipe} cannot. "
            "Leave it out, or train with --recipe fast."
        )
    if config.fine_tuning is None or config.fine_tune == "off":
        raise ConfigError(
            "With the recipe transfer, --augment applies only to fine-tuning, which is off. Leave out --augment, or "
            "leave out --fine-tune off."
        )
    tuning = dataclasses.replace(config.fine_tuning, augmentation=after.each)
    return config.changed(fine_tune="on", fine_tuning=tuning)


def check_augmentation(config: TrainConfig, mirrors: bool) -> None:
    """Check that augmentation keeps the classes of images, and that the network can standardize them.

    Args:
        config: complete.
        mirrors: whether a mirrored image keeps its class.

    Raises:
        ConfigError: it does not, or cannot.
    """
    augmentation = augmentation_of(config).each
    if augmentation is None:
        return
    changing = augmentation.changes_direction
    if changing and not mirrors and not augmentation.any_orientation:
        raise ConfigError(
            f"{' and '.join(changing)} would mirror or rotate pictures whose class may depend on their "
            "orientation, such as digits, letters, or left and right: a 6 upside down is a 9. Leave "
            f"{'it' if len(changing) == 1 else 'them'} out; or, if your classes stay the same, add any_orientation to "
            "--augment (in Python: Augmentation(any_orientation=True))."
        )
    _check_standardization(config, augmentation)


def refuse_unknown_function(config: TrainConfig) -> None:
    """Check before a run is resumed that its preprocessing function, of which it keeps the name alone, is not needed.

    Raises:
        ConfigError: it is.
    """
    each = augmentation_of(config).each
    if each is not None and isinstance(each.preprocessing_function, str):
        raise ConfigError(f"This run cannot be resumed. {function_is_missing(each.preprocessing_function)}")


def _check_standardization(config: TrainConfig, augmentation: Augmentation) -> None:
    if not augmentation.standardizes or NETWORKS[config.network].standardizes:
        return
    on = [name for name in STANDARDIZING if getattr(augmentation, name)]
    able = [name for name, network in NETWORKS.items() if network.standardizes]
    raise ConfigError(
        f"{' and '.join(on)}: not possible with the recipe {config.recipe}, whose network scales and standardizes "
        f"pixels itself. Leave {'it' if len(on) == 1 else 'them'} out, or use a recipe with the network "
        f"{' or '.join(able)}, such as quick."
    )
