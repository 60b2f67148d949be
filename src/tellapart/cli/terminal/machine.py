"""What `doctor` prints."""

from collections.abc import Sequence

from rich.text import Text

from tellapart.cli.terminal.console import results, say
from tellapart.cli.terminal.tables import two_columns
from tellapart.profiling.doctor import Finding
from tellapart.text import printable

MARKS = {"ok": ("ok     ", "green"), "optional": ("-      ", "yellow"), "missing": ("missing", "bold red")}


def report_findings(findings: Sequence[Finding]) -> None:
    """Print what this machine has, and what to do about what is missing."""
    table = two_columns()
    for finding in findings:
        mark = MARKS[finding.verdict]
        table.add_row(Text.assemble(mark, " ", finding.name), Text(printable(finding.value)))
    results().print(table)
    say()
    remedies = [finding for finding in findings if finding.remedy]
    if any(finding.verdict == "missing" for finding in findings):
        say("Something that tellapart needs is missing:", "bold red")
    else:
        say("Everything that tellapart needs is installed.", "bold green")
    for finding in remedies:
        say(f"{finding.name}:  {finding.remedy}")
