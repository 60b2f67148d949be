"""What `report` prints: where the page is, what it lacks, and comparisons."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.api.compare import compare
from tellapart.api.report import Report
from tellapart.cli.terminal.browser import open_page, refuse_other_page
from tellapart.cli.terminal.console import note, results, say, say_json
from tellapart.cli.terminal.fitting_table import add_row, new_table
from tellapart.reports.comparison import LEVEL, measures_of
from tellapart.reports.comparison_page import MARK
from tellapart.text import counted, percent


def report_page(report: Report) -> None:
    """Print what the page lacks, the test accuracy, and where the page is."""
    for gap in report.facts["missing"]:
        note(f"Not in the report: {gap}", "yellow")
    scores, calibration = report.facts["scores"], report.facts["calibration"]
    labels = report.facts.get("label_scores")
    if scores is not None:
        low, high = scores["interval"]
        say(
            f"Test accuracy: {percent(scores['accuracy'], 2)} ({counted(scores['pictures'], 'picture')}; "
            f"95% confidence interval {percent(low, 2)} to {percent(high, 2)})"
        )
    if labels is not None:
        say(_of_labels(labels))
    if calibration is not None:
        after = calibration["after"]
        calibrated = f"; {percent(after['error'])} after calibration" if after is not None else ""
        say(f"Calibration error (ECE): {percent(calibration['before']['error'])}{calibrated}")
    say(f"Report (open in a browser):\n  {report.path}")


def _of_labels(scores: Mapping[str, Any]) -> str:
    """Return the score of a run on several labels a picture, in a line."""
    interval = ""
    if scores["interval"] is not None:
        low, high = scores["interval"]
        interval = f"; 95% confidence interval {percent(low, 2)} to {percent(high, 2)}"
    precision, pictures = percent(scores["mean_average_precision"], 2), counted(scores["pictures"], "picture")
    return f"Test mean average precision: {precision} ({pictures}{interval})"


def compare_runs(runs: Sequence[Path], out: Path, *, as_json: bool, opens: bool) -> None:
    """Compare runs, write the page, and print what it says in short.

    Raises:
        ConfigError: `out` is another file; or as `api.compare.compare`.
    """
    refuse_other_page(out, MARK)
    comparison = compare(runs)
    place = comparison.save(out)
    if as_json:
        say_json({"page": str(place), **comparison.to_dict()})
    else:
        report_comparison(comparison)
        say(f"Curves and settings (open in a browser):\n  {place}")
    if opens:
        open_page(place)


def report_comparison(comparison: Mapping[str, Any]) -> None:
    """Print each run's figure, and for each two runs the difference and whether it may be chance."""
    for gap in comparison["missing"]:
        note(f"Not in the comparison: {gap}", "yellow")
    measures = measures_of(comparison["runs"])
    table = new_table("run", *measures, "95% CI", "n", right=(*measures, "n"), long=("run",))
    for row in comparison["runs"]:
        interval = "–" if row["interval"] is None else " to ".join(percent(end, 2) for end in row["interval"])
        count = "–" if row["n"] is None else f"{row['n']:,}"
        figures = [percent(row[of], 2) for of in measures.values()]
        add_row(table, row["run"], *figures, interval, count)
    results().print(table)
    for pair in comparison["pairs"]:
        say(_in_words(pair, len(comparison["pairs"])))
    for pair in comparison["unpaired"]:
        note(f"{pair['first']} and {pair['second']} have no paired test: {pair['reason']}.", "yellow")


def _in_words(pair: Mapping[str, Any], pairs: int) -> str:
    worse, better = pair["first"], pair["second"]
    only_worse, only_better = pair["only_first_correct"], pair["only_second_correct"]
    if pair["difference"] < 0:
        worse, better, only_worse, only_better = better, worse, only_better, only_worse
    if not pair["difference"]:
        if only_worse is None:
            return f"{worse} and {better} are equally good."
        if not only_worse:
            return f"{worse} and {better} are right on the same pictures."
        each = counted(only_worse, "picture")
        return f"{worse} and {better} are equally good: on {each} each, only one of them is correct."
    verdict = "and chance hardly explains that" if pair["p_holm"] < LEVEL else "but that could be chance"
    p_value = "< 0.0001" if pair["p_holm"] < 0.0001 else f"= {pair['p_holm']:.4f}"
    corrected = f", corrected for {pairs} pairs" if pairs > 1 else ""
    points = f"{100 * abs(pair['difference']):.2f} points"
    if only_worse is None:
        return (
            f"The mean average precision of {better} is {points} higher than that of {worse}, {verdict} (bootstrap, "
            f"p {p_value}{corrected})."
        )
    return (
        f"{better} scores {points} higher than {worse}, {verdict} (McNemar's test, p {p_value}{corrected}). On "
        f"{counted(only_better, 'picture')} only {better} is correct, on {only_worse:,} only {worse}."
    )
