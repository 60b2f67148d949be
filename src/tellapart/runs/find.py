"""Run folders below other folders: every one that looks like a run, damaged or not.

Imports nothing heavy, so that a list of runs is there at once.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.paths import MODEL_IN_RUN, SETTINGS_IN_RUN

OF_RUNS_ALONE = frozenset(
    {
        SETTINGS_IN_RUN,
        "log.jsonl",
        "last.safetensors",
        "last-previous.safetensors",
        "predictions.safetensors",
        ".lock-holder.json",
    }
)
"""Names of which one is enough to tell a run folder."""

ALSO_OF_RUNS = frozenset(
    {MODEL_IN_RUN, "metrics.csv", "split.csv", "report.html", "predictions.png", "checkpoints", ".lock"}
)
"""Names that other folders have too: two of them tell a run folder."""


@dataclass(slots=True)
class Found:
    """Run folders, and folders that could not be looked into."""

    runs: list[Path] = field(default_factory=list)
    closed: list[tuple[Path, str]] = field(default_factory=list)
    """(path, the system's reason)."""


def find_runs(folders: list[Path]) -> Found:
    """Find every run folder in some folders and in those below them; a folder may be a run itself.

    Links are followed, each folder is looked into once, and nothing is looked for in a run.
    """
    found, seen = Found(), set[tuple[int, int]]()
    for folder in folders:
        for path in _below(folder, found, seen):
            found.runs.append(path)
    return found


def looks_like_a_run(names: set[str]) -> bool:
    """Return whether a folder with these entries is, or was, a run."""
    return bool(names & OF_RUNS_ALONE) or len(names & ALSO_OF_RUNS) > 1


def _below(folder: Path, found: Found, seen: set[tuple[int, int]]) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                is_folder = {entry.name: _is_folder(entry) for entry in entries}
        except OSError as reason:
            found.closed.append((path, reason.strerror or str(reason)))
            continue
        if looks_like_a_run(set(is_folder)):
            yield path
        else:
            waiting += [path / name for name in sorted(is_folder, reverse=True) if is_folder[name]]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
