"""The command `runs`."""

import typer

from tellapart.cli import options, run_options
from tellapart.errors import DataError


def runs(
    folders: run_options.RunFolders = None,
    sort: run_options.SortRuns = run_options.RunOrder.DATE,
    as_json: options.Json = False,
) -> None:
    """List run folders: data, recipe, test accuracy, seconds, date and state.

    Looks in the folders and everywhere below them. A damaged run is listed too, with the reason.

    \b
    Examples:
      tellapart runs
      tellapart runs runs/ /mnt/old-runs --sort accuracy

    \b
    Exit codes: 0 done, 2 wrong option, 3 no run folder, or none that can be read
    """
    from tellapart.api.runs import runs as list_runs
    from tellapart.cli.terminal import run_table
    from tellapart.cli.terminal.console import say_json

    listed = list_runs(*(folders or ()), sort=sort.value)
    if as_json:
        say_json(listed.to_dict())
    else:
        run_table.report_runs(listed)
    if not any(run.is_readable for run in listed):
        raise typer.Exit(DataError.exit_code)
