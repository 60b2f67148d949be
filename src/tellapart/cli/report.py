"""The command `report`."""

from pathlib import Path

from tellapart.cli import options, run_options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing
from tellapart.errors import ConfigError


def report(
    runs: run_options.Runs,
    compare: run_options.Compare = False,
    out: run_options.CompareOut = None,
    opens: options.OpenPage = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a run's report, or compare runs.

    The report is one HTML file in the run folder; training writes it too. With --compare, prints which run
    scores higher and whether the difference could be due to chance, and writes a page with the learning curves and
    the settings that differ.

    \b
    Examples:
      tellapart report runs/photos --open
      tellapart report --compare runs/first runs/second

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 no such run
    """
    with importing():
        from tellapart.api.report import report as write_report
        from tellapart.cli.terminal import run_report
        from tellapart.cli.terminal.browser import open_page
        from tellapart.cli.terminal.progress import ProgressListener

    if compare:
        run_report.compare_runs(runs, out or Path("comparison.html"), as_json=as_json, opens=opens)
        return
    if out is not None:
        raise ConfigError(
            "--out is for the page of --compare; a report lies in its run folder. Leave out --out."
        )
    if len(runs) != 1:
        raise ConfigError("A report is about one run. To compare several, add --compare.")
    with ProgressListener(quiet=quiet) as listener:
        written = write_report(runs[0], listener=listener)
    if as_json:
        say_json({"page": str(written.path), **written.facts})
    else:
        run_report.report_page(written)
    if opens:
        open_page(written.path)
