"""What `runs` prints: a line for each run, then what is damaged."""

import os
from pathlib import Path

from rich.text import Text

from tellapart.cli.terminal.console import note, results, say
from tellapart.cli.terminal.fitting_table import add_row, new_table
from tellapart.runs.listing import Runs, RunSummary
from tellapart.text import counted, percent

STYLES = {"finished": "", "stopped": "yellow", "running": "green", "damaged": "bold red"}
DETAILED_FROM = 1_000
"""Pictures from which an accuracy is worth a second digit."""


LONGEST_WHOLE = 44
"""Characters of a run's name up to which other columns go before it is folded."""


def report_runs(runs: Runs) -> None:
    """Print the table, and the reasons beside damaged runs."""
    parent = _common_parent(runs)
    names = [str(run.folder.relative_to(parent) if parent else run.folder) for run in runs]
    say(f"{counted(len(runs), 'run')}{f' in {parent}{os.sep}' if parent else ''}")
    table = new_table(
        "run",
        "data",
        "recipe",
        "accuracy",
        "95% CI",
        "n",
        "seconds",
        "started (UTC)",
        "state",
        right=("accuracy", "n", "seconds"),
        long=("run",) if max(map(len, names)) > LONGEST_WHOLE else (),
        spare=("recipe", "data", "started (UTC)", "seconds", "n", "95% CI"),
    )
    for name, run in zip(names, runs, strict=True):
        add_row(table, name, *_cells(run))
    results().print(table)
    for run in runs.damaged:
        note(f"{run.folder}: {'; '.join(run.problems)}", "yellow")
    for words in runs.closed:
        note(words, "yellow")
    if not any(run.is_readable for run in runs):
        note(f"None of {counted(len(runs), 'run')} can be read.", "bold red")


def _common_parent(runs: Runs) -> Path | None:
    """Return the folder in which all runs are, where it is more than the root; it need not be repeated in each line."""
    parents = {run.folder.parent for run in runs}
    try:
        common = Path(os.path.commonpath(parents))
    except ValueError:  # absolute and relative paths, or several drives
        return None
    return common if common.name and all(run.folder.is_relative_to(common) for run in runs) else None


def _cells(run: RunSummary) -> list[str | Text]:
    digits = 2 if (run.pictures or 0) >= DETAILED_FROM else 1
    interval = "–" if run.interval is None else " to ".join(percent(end, digits) for end in run.interval)
    return [
        run.data or "–",
        run.recipe or "–",
        run.score(digits),
        interval,
        "–" if run.pictures is None else f"{run.pictures:,}",
        "–" if run.seconds is None else f"{run.seconds:,.1f}" if run.seconds < 100 else f"{run.seconds:,.0f}",
        "–" if run.started is None else run.started[:16].replace("T", " "),
        Text(_state(run), STYLES[run.state]),
    ]


def _state(run: RunSummary) -> str:
    """Return the state; of a training that is not over also how far it came."""
    if run.state in ("stopped", "running") and run.planned:
        return f"{run.state} {run.epochs}/{run.planned}"
    return run.state
