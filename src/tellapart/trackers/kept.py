"""trackers.json: what the trackers of a run need to go on in the same curves after a stop."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tellapart.files import write_text
from tellapart.untrusted.regular_file import read_regular

TRACKERS_FILE = "trackers.json"
LARGEST = 1_000_000
"""Bytes. It holds some lines."""


def read_kept(run_folder: Path) -> dict[str, dict[str, Any]]:
    """Return what each tracker kept, by its name; empty where nothing was kept or it cannot be read."""
    with suppress(OSError, ValueError, RecursionError):
        kept = json.loads(read_regular(run_folder / TRACKERS_FILE, LARGEST))
        if isinstance(kept, dict):
            return {name: values for name, values in kept.items() if isinstance(values, dict)}
    return {}


def keep(run_folder: Path, tracker: str, **values: Any) -> None:
    """Add values to what a tracker keeps.

    Raises:
        SaveError: the disk is full.
    """
    kept = read_kept(run_folder)
    kept[tracker] = {**kept.get(tracker, {}), **values}
    write_text(run_folder / TRACKERS_FILE, json.dumps(kept, indent=1) + "\n")


def kept_text(run_folder: Path, tracker: str, name: str) -> str | None:
    """Return a text that a tracker kept; None where there is none."""
    value = read_kept(run_folder).get(tracker, {}).get(name)
    return value if isinstance(value, str) else None
