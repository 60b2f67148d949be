"""The policies that a configuration can name.

A new policy is a frozen dataclass of this folder, a `Policy`, and one entry in `POLICIES`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from tellapart.data.augmentation.policies.crops import RandomErasing, RandomResizedCrop, ReflectPadCrop
from tellapart.data.augmentation.policies.learned import (
    AugMix,
    AutoAugmentCifar10,
    RandAugment,
    TrivialAugmentWide,
)
from tellapart.data.augmentation.policies.pixels import ColorJitter, GaussianBlur, GaussianNoise
from tellapart.data.augmentation.policies.policy import Policy
from tellapart.errors import ConfigError

POLICIES: Final[dict[str, type[Policy]]] = {
    policy().name: policy
    for policy in (
        RandomResizedCrop,
        ReflectPadCrop,
        RandomErasing,
        ColorJitter,
        GaussianNoise,
        GaussianBlur,
        RandAugment,
        TrivialAugmentWide,
        AutoAugmentCifar10,
        AugMix,
    )
}
"""Name -> policy."""


def policy_from_dict(saved: Mapping[str, Any]) -> Policy:
    """Return the policy that `asdict` described.

    Raises:
        ConfigError: an unknown name or setting, or a value out of range.
    """
    fields = dict(saved)
    name = fields.pop("name", None)
    if name not in POLICIES:
        raise ConfigError(f"Unknown augmentation policy {name!r}. Policies: {', '.join(POLICIES)}.")
    policy = POLICIES[name]
    known = [field.name for field in dataclasses.fields(policy) if field.name != "name"]
    if unknown := sorted(set(fields) - set(known)):
        raise ConfigError(
            f"{name} has no setting {', '.join(unknown)}; it has: {', '.join(known) or 'none'}."
        )
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }
    return policy(**values)
