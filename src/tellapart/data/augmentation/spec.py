"""Augmentation as text: `rotation_range=15,zoom_range=0.8:1.2,trivial-augment-wide`, read and written.

A text is a list of changes to a recipe's own augmentation, in this order: `none` starts from nothing; `switch=value`
sets a field of Augmentation, a bare switch turns it on; a policy's name adds it, `policy.setting=value` adds it with a
strength of its own; `mixup`, `cutmix` and `ricap` choose the mixing, `mixup.strength=0.4` its strength. Several numbers
are divided by colons.
"""

import dataclasses
import difflib
import re
import typing
from dataclasses import dataclass
from typing import Any, Final

from tellapart.data.augmentation.mix import MIXINGS, Mixing
from tellapart.data.augmentation.policies.policy import Policy
from tellapart.data.augmentation.policies.registry import POLICIES, policy_from_dict
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

NOTHING: Final = "none"

SWITCHES: Final = tuple(
    field.name
    for field in dataclasses.fields(Augmentation)
    if field.name not in ("policies", "preprocessing_function")
)

ELSEWHERE: Final = {
    "validation_split": "It is a setting of the whole training: --validation-share 0.1.",
    "seed": "It is a setting of the whole training: --seed 1.",
    "preprocessing_function": "A function can only be given in Python: "
    "tellapart.train(..., augmentation=Augmentation(preprocessing_function=...)).",
    "data_format": "Pictures are always (batch, height, width, channels).",
    "dtype": "Augmented pictures are always float32.",
    "interpolation_order": "Pictures are always blended linearly (1).",
}
"""ImageDataGenerator's other arguments, and where they are."""


@dataclass(frozen=True, slots=True)
class Augmented:
    """What may happen to the images of a batch: to each, and among them."""

    each: Augmentation | None
    mixing: Mixing = "none"
    strength: float | None = None


def read_spec(text: str, before: Augmented) -> Augmented:
    """Return an augmentation changed as a text says.

    Args:
        text: as above.
        before: the recipe's.

    Raises:
        ConfigError: an unknown switch or policy, or a value out of range; it states the known ones.
    """
    for item in (part.strip() for part in text.split(",")):
        if not item:
            raise ConfigError(f"--augment has an empty entry: {text!r}. {_examples()}")
        before = _changed(before, item)
    return before


def write_spec(after: Augmented, before: Augmented) -> str | None:
    """Return the text that turns one augmentation into another; empty where they are equal, None where none does."""
    for start in (before, Augmented(None)):
        items = [] if start is before else [NOTHING]
        spec = ",".join(items + _items(after, start))
        try:
            if (read_spec(spec, before) if spec else before) == after:
                return spec
        except ConfigError:
            continue
    return None


def _changed(before: Augmented, item: str) -> Augmented:
    if item == NOTHING:
        return Augmented(None)
    key, _, value = (part.strip() for part in item.partition("="))
    name, _, setting = key.partition(".")
    name = _OF_SPELLING.get(_squashed(name), name)
    key = f"{name}.{setting}" if setting else name
    each = before.each or Augmentation()
    if key in SWITCHES:
        return dataclasses.replace(before, each=dataclasses.replace(each, **{key: _switch_value(key, value)}))
    if name in POLICIES:
        return dataclasses.replace(before, each=_with_policy(each, name, setting, value))
    if name in MIXINGS:
        if (setting, bool(value)) not in (("strength", True), ("", False)):
            raise ConfigError(f"{name} stands alone or as {name}.strength=0.5; got {item!r}.")
        strength = _number(key, value) if setting else None
        return Augmented(before.each, name, strength)
    raise ConfigError(_unknown(key))


def _squashed(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


_OF_SPELLING: Final = {_squashed(name): name for name in (*SWITCHES, *POLICIES, *MIXINGS)} | {
    "autoaugment": "auto-augment-cifar10"
}
"""A name without case, hyphens, underscores and spaces, as papers write it -> the name here."""


def _with_policy(each: Augmentation, name: str, setting: str, value: str) -> Augmentation:
    """Return the settings with a policy added, or changed where it is there already."""
    policy = next((policy for policy in each.policies if policy.name == name), None) or POLICIES[name]()
    if setting:
        fields = {field.name: getattr(policy, field.name) for field in dataclasses.fields(policy)}
        policy = policy_from_dict({**fields, setting: _numbers(f"{name}.{setting}", value)})
    elif value:
        raise ConfigError(f"{name} has no value; its strengths are {name}.SETTING=NUMBER; got {value!r}.")
    others = [other.name for other in each.policies]
    if name in others:
        policies = tuple(policy if other.name == name else other for other in each.policies)
    else:
        policies = (*each.policies, policy)
    return dataclasses.replace(each, policies=policies)


def _switch_value(name: str, value: str) -> Any:
    """Return the value of a switch: of the type of its field."""
    kind = typing.get_type_hints(Augmentation)[name]
    if kind is bool:
        words = {"": True, "true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        if value.lower() not in words:
            raise ConfigError(f"{name} is true or false; got {value!r}.")
        return words[value.lower()]
    if name == "fill_mode":
        return value
    if not value:
        raise ConfigError(f"{name} needs a value, such as {name}={_example_value(name)}.")
    return _numbers(name, value)


def _numbers(name: str, value: str) -> float | int | tuple[float, ...]:
    if ":" in value:
        return tuple(_number(name, part) for part in value.split(":"))
    return _number(name, value)


def _number(name: str, value: str) -> float | int:
    """Return a number, whole where it has no point; 1/255 is a number as well."""
    try:
        above, slash, below = value.partition("/")
        if slash:
            return float(above) / float(below)
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    except (ValueError, ZeroDivisionError) as reason:
        raise ConfigError(
            f"{name} needs a number, or several separated by colons; got {value!r}."
        ) from reason


def _items(after: Augmented, before: Augmented) -> list[str]:
    each, old = after.each or Augmentation(), before.each or Augmentation()
    items = [
        f"{name}={_text(getattr(each, name))}"
        for name in SWITCHES
        if getattr(each, name) != getattr(old, name)
    ]
    items += [
        item for policy in each.policies if policy not in old.policies for item in _policy_items(policy)
    ]
    if (after.mixing, after.strength) != (before.mixing, before.strength):
        items.append(
            after.mixing if after.strength is None else f"{after.mixing}.strength={_text(after.strength)}"
        )
    return items


def _policy_items(policy: Policy) -> list[str]:
    fields = [field.name for field in dataclasses.fields(policy) if field.name != "name"]
    return [policy.name] + [f"{policy.name}.{name}={_text(getattr(policy, name))}" for name in fields]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ":".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _example_value(name: str) -> str:
    return {"rescale": "1/255", "brightness_range": "0.8:1.2", "rotation_range": "15", "cutout": "8"}.get(
        name, "0.1"
    )


def _examples() -> str:
    return "Examples: rotation_range=15,zoom_range=0.1 or trivial-augment-wide or none,horizontal_flip."


def _unknown(name: str) -> str:
    if name in ELSEWHERE:
        return f"{name} is not an augmentation here. {ELSEWHERE[name]}"
    known = [*SWITCHES, *POLICIES, *(each for each in MIXINGS if each != NOTHING)]
    near = difflib.get_close_matches(name, known, n=2)
    return (
        f"Unknown augmentation {name!r}."
        + (f" Did you mean {' or '.join(near)}?" if near else "")
        + f"\nSwitches: {', '.join(SWITCHES)}.\nPolicies: {', '.join(POLICIES)}.\n"
        f"Mixing: {', '.join(each for each in MIXINGS if each != NOTHING)}.\n{_examples()}"
    )
