"""What runs were done differently: their settings side by side, only those that are not the same in all."""

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.data.sources.label_choice import RECORDED

ABSENT = "–"
"""Stands for a setting that a run does not have."""

OF_DATA = (
    "name",
    "where",
    "pictures",
    "class_names",
    *RECORDED,
    "preprocessing",
    "precision",
)
"""Of run.toml's table `data`, what says which pictures were used, and how."""

MOST_CHARACTERS = 80
"""Of a value that is shown."""


def settings_that_differ(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings that are not the same in all runs.

    Args:
        runs: each one's run.toml.

    Returns:
        For each setting "setting", such as optimizer.learning_rate or data.name, and "values", a text for each run.
    """
    shown = [
        {**_flat(run["run"]), **_flat({name: run["data"].get(name) for name in OF_DATA}, "data.")}
        for run in runs
    ]
    return _rows(shown)


def circumstances_that_differ(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return versions and hardware that are not the same in all runs, in the form of `settings_that_differ`."""
    shown = [_flat({"tellapart": run.get("tellapart"), **run["versions"], **run["hardware"]}) for run in runs]
    return _rows(shown)


def _rows(shown: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for run in shown for name in run)
    rows = {name: [run.get(name, ABSENT) for run in shown] for name in names}
    return [
        {"setting": name, "values": _shortened(values)}
        for name, values in rows.items()
        if len(set(values)) > 1
    ]


def _shortened(values: Sequence[str]) -> list[str]:
    """Return texts of at most MOST_CHARACTERS; of longer ones, what begins shortly before they part."""
    if max(map(len, values)) <= MOST_CHARACTERS:
        return list(values)
    same = next((at for at, signs in enumerate(zip(*values, strict=False)) if len(set(signs)) > 1), 0)
    start = same - MOST_CHARACTERS // 4 if same > MOST_CHARACTERS // 2 else 0
    parts = [f"…{value[start:]}" if start else value for value in values]
    return [part if len(part) <= MOST_CHARACTERS else f"{part[: MOST_CHARACTERS - 1]}…" for part in parts]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    result: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            result[prefix + name] = _text(value)
    return result


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
