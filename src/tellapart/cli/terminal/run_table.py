"""What `runs` prints: a line for each run, then what is damaged."""

import os
from pathlib import Path

from rich.text import Text

from tellapart.cli.terminal.console import note, results, say
from tellapart.cli.terminal.fitting_table import add_row, new_table
from tellapart.runs.listing import HEADINGS, Runs
from tellapart.text import counted

STYLES = {"finished": "", "stopped": "yellow", "running": "green", "damaged": "bold red"}

LONGEST_WHOLE = 44
"""Characters of a run's name up to which other columns go before it is folded."""


def report_runs(runs: Runs) -> None:
    """Print the table, and the reasons beside damaged runs."""
    parent = _common_parent(runs)
    names = [str(run.folder.relative_to(parent) if parent else run.folder) for run in runs]
    say(f"{counted(len(runs), 'run')}{f' in {parent}{os.sep}' if parent else ''}")
    table = new_table(
        *HEADINGS,
        right=("accuracy", "n", "seconds"),
        long=("run",) if max(map(len, names)) > LONGEST_WHOLE else (),
        spare=("recipe", "data", "started (UTC)", "seconds", "n", "95% CI"),
    )
    for name, run in zip(names, runs, strict=True):
        *cells, state = run.cells()
        add_row(table, name, *cells, Text(state, STYLES[run.state]))
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
