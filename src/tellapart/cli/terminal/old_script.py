"""What `modernize` prints: the diff on stdout, what is left to do on stderr."""

from pathlib import Path
from typing import Any

from tellapart.api.modernize import ModernizedScript
from tellapart.cli.terminal.console import note, say_csv
from tellapart.errors import ConfigError
from tellapart.old_keras.findings import Remark
from tellapart.text import counted


def refuse_two_places(write: bool, to: Path | None) -> None:
    """Raise ConfigError where the script is to be written in its place and elsewhere."""
    if write and to is not None:
        raise ConfigError("--write replaces the script, --to FILE writes another file. Give one of them.")


def as_dict(result: ModernizedScript, saved: Path | None, kept: Path | None) -> dict[str, Any]:
    """Return plain values, for JSON."""
    return {
        "script": str(result.path),
        "changed": result.is_changed,
        "diff": result.diff,
        "left": [_left(each) for each in result.remarks],
        "written": None if saved is None and kept is None else str(saved or result.path),
        "kept": None if kept is None else str(kept),
    }


def _left(remark: Remark) -> dict[str, Any]:
    cell = {} if remark.cell is None else {"cell": remark.cell}
    return {**cell, "line": remark.line, "code": remark.code, "advice": remark.advice}


def report(result: ModernizedScript, saved: Path | None, kept: Path | None) -> None:
    """Print the diff, where it was written, and what is left to do."""
    say_csv(result.diff)
    if not result.is_changed and not result.remarks:
        note(f"{result.path} needs no change for today's Keras.")
    elif not result.is_changed:
        note(f"{result.path} is unchanged.")
    if saved is not None:
        note(f"Written to {saved}.")
    if kept is not None:
        note(f"Written to {result.path}. The old script is kept as {kept}.")
    if result.remarks:
        where = (
            "lines of the old script" if result.remarks[0].cell is None else "cells as the diff counts them"
        )
        note(f"\n{counted(len(result.remarks), 'place')} left to do by hand ({where}):", "yellow")
        for remark in result.remarks:
            note(f"  {remark}".replace("\n", "\n  "))
