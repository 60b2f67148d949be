"""What `report` prints: where the page is, what it lacks, and comparisons."""

from collections.abc import Mapping
from typing import Any

from tellapart.api.report import Report
from tellapart.cli.terminal.console import note, results, say
from tellapart.cli.terminal.tables import add_row, new_table
from tellapart.text import counted, percent


def report_page(report: Report) -> None:
    """Print what the page lacks, the test accuracy, and where the page is."""
    for gap in report.facts["missing"]:
        note(f"Not in the report: {gap}", "yellow")
    scores, calibration = report.facts["scores"], report.facts["calibration"]
    if scores is not None:
        low, high = scores["interval"]
        say(
            f"Test accuracy: {percent(scores['accuracy'], 2)} ({counted(scores['pictures'], 'picture')}; "
            f"95% confidence interval {percent(low, 2)} to {percent(high, 2)})"
        )
    if calibration is not None:
        after = calibration["after"]
        calibrated = f"; {percent(after['error'])} after calibration" if after is not None else ""
        say(f"Calibration error (ECE): {percent(calibration['before']['error'])}{calibrated}")
    say(f"Report (open in a browser):\n  {report.path}")


def report_comparison(comparison: Mapping[str, Any]) -> None:
    """Print each run's accuracy, and for each two runs the difference and whether it may be chance."""
    table = new_table("run", "accuracy", "95% CI", "n", right=("accuracy", "n"), long=("run",))
    for row in comparison["runs"]:
        interval = " to ".join(percent(end, 2) for end in row["interval"])
        add_row(table, row["run"], percent(row["accuracy"], 2), interval, f"{row['n']:,}")
    results().print(table)
    for pair in comparison["pairs"]:
        say(_in_words(pair))


def _in_words(pair: Mapping[str, Any]) -> str:
    sides = [(pair["first"], pair["only_first_correct"]), (pair["second"], pair["only_second_correct"])]
    (worse, fewer), (better, more) = sorted(sides, key=lambda side: side[1])
    if fewer == more:
        return (
            f"{worse} and {better} are equally good: on {more:,} pictures each, only one of them is correct."
        )
    verdict = "and chance hardly explains that" if pair["p_value"] < 0.05 else "but that could be chance"
    p_value = "< 0.0001" if pair["p_value"] < 0.0001 else f"= {pair['p_value']:.4f}"
    return (
        f"{better} scores {100 * abs(pair['difference']):.2f} points higher than {worse}, {verdict} (McNemar's test, "
        f"p {p_value}). On {more:,} pictures only {better} is correct, on {fewer:,} only {worse}."
    )
