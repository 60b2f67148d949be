"""What the command `report` prints: where the page is, what it could not show, and comparisons."""

from collections.abc import Mapping
from typing import Any

from tellapart.api.report import Report
from tellapart.cli.terminal.console import note, results, say
from tellapart.cli.terminal.tables import add_row, new_table
from tellapart.text import percent


def report_page(report: Report) -> None:
    """The gaps, and the page's place."""
    for gap in report.facts["missing"]:
        note(f"Not in the report: {gap}", "yellow")
    scores, calibration = report.facts["scores"], report.facts["calibration"]
    if scores is not None:
        low, high = scores["interval"]
        say(
            f"Test accuracy: {scores['accuracy']:.4f} (95% interval {low:.4f} to {high:.4f}, "
            f"n = {scores['pictures']:,})"
        )
    if calibration is not None:
        after = calibration["after"]
        calibrated = f"; {percent(after['error'])} calibrated" if after is not None else ""
        say(f"Confidence is off by {percent(calibration['before']['error'])} (ECE){calibrated}")
    say(f"The report, to open in a browser:\n  {report.path}")


def report_comparison(told: Mapping[str, Any]) -> None:
    """Each run's accuracy, and each two runs' difference with the chance of one as large."""
    table = new_table("run", "accuracy", "95% interval", "n", right=("accuracy", "n"), long=("run",))
    for row in told["runs"]:
        low, high = row["interval"]
        add_row(table, row["run"], f"{row['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", f"{row['n']:,}")
    results().print(table)
    for pair in told["pairs"]:
        say(_in_words(pair))


def _in_words(pair: Mapping[str, Any]) -> str:
    sides = [(pair["first"], pair["only_first_right"]), (pair["second"], pair["only_second_right"])]
    (worse, fewer), (better, more) = sorted(sides, key=lambda side: side[1])
    if fewer == more:
        return f"{worse} and {better} are equally good: each alone is right on {more:,} pictures."
    verdict = "which chance hardly explains" if pair["p_value"] < 0.05 else "which may well be chance"
    p_value = "< 0.0001" if pair["p_value"] < 0.0001 else f"= {pair['p_value']:.4f}"
    return (
        f"{better} is better than {worse} by {100 * abs(pair['difference']):.2f} points: {more:,} pictures only it "
        f"answers rightly, {fewer:,} only the other, {verdict} (McNemar's test, p {p_value})."
    )
