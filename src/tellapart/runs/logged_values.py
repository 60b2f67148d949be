"""What the events in a log hold, by which a line that holds something else is known as damaged."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tellapart.events import FeaturesDone, FineTuned, FineTuningSkipped, HeadFitted

LARGEST_NUMBER = 2**53
"""Python's whole numbers have no end; figures of a training are smaller, and fit into any array."""

PENALTY_TRIED = {"penalty", "loss", "accuracy"}
"""The fields of each entry in HeadFitted's path."""

_OF_CLASSES = {
    kind.__name__: {
        field.name: (get_type_hints(kind)[field.name], field.default is MISSING) for field in fields(kind)
    }
    for kind in (FeaturesDone, HeadFitted, FineTuningSkipped, FineTuned)
}
_VALUES: dict[str, dict[str, tuple[Any, bool]]] = _OF_CLASSES | {
    "Cost": {"seconds": (float, True), "joules": (float | None, True), "threads": (int, False)},
    "Untrusted": {"copies": (tuple[str, ...], True), "doubtful": (tuple[str, ...], True)},
    "Scored": {"tta_views": (int, False)},
    "ScoredWithoutTta": {"accuracy": (float, False), "interval": (tuple[float, ...] | None, True)},
}
"""Event -> each value's type, and whether every version logged it. `event_log.epoch_of` checks EpochDone."""


def has_its_values(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of a log has the values of its event, each of its type."""
    return all(
        _is_a(entry[name], kind) if name in entry else not is_needed
        for name, (kind, is_needed) in _VALUES.get(entry["event"], {}).items()
    )


def _is_a(value: Any, kind: Any) -> bool:
    inner = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_is_a(value, each) for each in inner)
    if get_origin(kind) is tuple:
        return isinstance(value, list | tuple) and all(_is_a(each, inner[0]) for each in value)
    if get_origin(kind) is dict:
        has_all = isinstance(value, dict) and set(value) == PENALTY_TRIED
        return has_all and all(_is_a(each, inner[1]) for each in value.values())
    if kind in (int, float):
        is_whole = type(value) is int and abs(value) < LARGEST_NUMBER
        return is_whole or (kind is float and type(value) is float)
    return isinstance(value, kind or NoneType)
