"""The command `doctor`."""

import typer

from tellapart.cli import options
from tellapart.cli.terminal.console import say_json


def doctor(again: options.Again = False, as_json: options.Json = False) -> None:
    """Check this installation and machine.

    Prints versions, the processor, whether bfloat16 is fast, and which data sets are on this machine. Says what is
    missing and how to get it.

    \b
    Example:
      tellapart doctor

    \b
    Exit codes: 0 everything required is installed, 1 something is missing, 2 wrong option
    """
    from tellapart.cli.terminal.machine import report_findings
    from tellapart.profiling import doctor as examination

    findings = examination.examine(again)
    well = examination.is_well(findings)
    if as_json:
        say_json({"well": well, "findings": [finding.to_dict() for finding in findings]})
    else:
        report_findings(findings)
    raise typer.Exit(0 if well else 1)
