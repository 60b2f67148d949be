"""Exports that were made of a model, as the records beside it tell: a line of its card for each."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tellapart.exporters.record import RECORD
from tellapart.exporters.registry import FORMATS
from tellapart.text import counted, percent
from tellapart.untrusted.regular_file import read_regular

LARGEST_RECORD = 10_000_000
"""Bytes. A record names every class and threshold of a model."""


def exports_made(model: Path, card: Mapping[str, Any]) -> dict[str, str]:
    """Return what was proven of each export that lies beside a model's file.

    Args:
        model: the file.
        card: the model's, as plain values; exports of another model are left out.

    Returns:
        Name of the exported file -> a line, sorted by name.
    """
    lines = {}
    suffixes = {form.suffix for form in FORMATS.values()}
    for place in model.parent.glob(f"*{RECORD}"):
        exported = place.with_name(place.name.removesuffix(RECORD))
        if exported.suffix.lower() not in suffixes or not exported.is_file():
            continue
        record = _record(place)
        if record.get("card") == card:
            with suppress(KeyError, TypeError, ValueError):
                lines[exported.name] = _line(record["proof"])
    return dict(sorted(lines.items()))


def _record(place: Path) -> dict[str, Any]:
    """Return a record; empty where it cannot be read, or is something else."""
    try:
        record = json.loads(read_regular(place, LARGEST_RECORD))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _line(proof: Mapping[str, Any]) -> str:
    return (
        f"{proof['precision']}: the same answer on {percent(proof['agreement'], 2)} of "
        f"{counted(proof['pictures'], 'picture')} ({proof['source']}); probabilities differ by at most "
        f"{proof['largest_difference']:.1e}"
    )
