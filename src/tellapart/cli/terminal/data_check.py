"""What `check` prints: a line for each finding, and where the details are."""

from pathlib import Path
from typing import Any

from tellapart.api.check import CheckResult
from tellapart.checks.cleaned import Cleaned, in_words
from tellapart.checks.findings import KINDS, Finding
from tellapart.checks.table import csv_table
from tellapart.cli.terminal.console import command, note, say, say_csv
from tellapart.errors import ConfigError
from tellapart.text import counted

MOST_LINES = 9
"""Findings that are printed; the page has them all."""

STYLES = {"serious": "bold red", "look": "yellow", "note": None}


def report_check(result: CheckResult, page: Path, cleaned: Cleaned | None, data: str) -> None:
    """Print the findings, the most serious first, and what to type next."""
    facts, dataset = result.to_dict(), result.checked.album.dataset
    splits = ", ".join(f"{count:,} {name}" for name, count in facts["pictures"].items())
    total = sum(facts["pictures"].values())
    classes = len(dataset.class_names)
    say(f"{dataset.name}: {counted(total, 'picture')} ({splits}), {classes} class{'es' * (classes != 1)}")
    for words in result.checked.remarks:
        note(f"{words}.", "yellow")
    for finding in result.findings[:MOST_LINES]:
        say(_line(finding), STYLES[finding.severity])
    if len(result.findings) > MOST_LINES:
        say(f"And {counted(len(result.findings) - MOST_LINES, 'more finding')}")
    if not result.findings:
        say("No problems found", "green")
    if cleaned is not None:
        say(f"Cleaned labels: {cleaned.path} ({in_words(cleaned)})")
        say(f"  {command('train', data, '--labels', cleaned.path)}")
    say(f"Details and pictures (open in a browser):\n  {page}")


def _line(finding: Finding) -> str:
    mark = {"serious": "!", "look": "?", "note": "-"}[finding.severity]
    return f"{mark} {KINDS[finding.kind].title}: {finding.seen}"


def give_csv(result: CheckResult, place: str) -> None:
    """Print the table, or write it to a new file."""
    if place == "-":
        say_csv(csv_table(result.checked))
    else:
        result.save_csv(place)


def as_dict(result: CheckResult, page: Path, cleaned: Cleaned | None) -> dict[str, Any]:
    """Return the findings, the page's place and what --fix left out, for JSON."""
    fixed = (
        None
        if cleaned is None
        else {"path": str(cleaned.path), "kept": cleaned.kept, "left_out": cleaned.left_out}
    )
    return {**result.to_dict(), "page": str(page), "fixed": fixed}


def refuse_existing(fix: Path | None) -> None:
    """Refuse an existing file for --fix before any work is done.

    Raises:
        ConfigError: it exists.
    """
    if fix is not None and fix.exists():
        raise ConfigError(f"{fix} already exists and is not overwritten. Choose another --fix FILE.csv.")
