"""`compare`: several runs on the test images that they share."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError
from tellapart.pages.card import Card, Readable, Table
from tellapart.reports.comparison import compare as compare_predictions
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.predictions import load_predictions
from tellapart.text import described, percent, short_name


class Comparison(Readable, dict[str, Any]):
    """Plain values of several runs: "runs", each one's accuracy, interval and n; "pairs", each two of them."""

    def _parts(self) -> list[str]:
        runs = [f"{short_name(row['run'])} {percent(row['accuracy'])}" for row in self["runs"]]
        pairs = [f"p = {pair['p_value']:.3g}" for pair in self["pairs"][:1] if len(runs) == 2]
        return [*runs[:4], *pairs, f"n = {self['runs'][0]['n']:,}"]

    def _card(self) -> Card:
        runs = [
            (
                row["run"],
                percent(row["accuracy"], 2),
                " to ".join(percent(end, 2) for end in row["interval"]),
                row["n"],
            )
            for row in self["runs"]
        ]
        pairs = [
            (
                pair["first"],
                pair["second"],
                f"{100 * pair['difference']:+.2f} points",
                f"{pair['p_value']:.3g}",
            )
            for pair in self["pairs"]
        ]
        return Card(
            "Comparison",
            f"{len(runs)} runs on the same {self['runs'][0]['n']:,} test pictures",
            [
                Table(("run", "accuracy", "95% interval", "n"), runs),
                Table(("first", "second", "second is better by", "p (McNemar, exact)"), pairs, "Two by two"),
            ],
        )


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare runs on their test images, two by two, by McNemar's exact test.

    Args:
        runs: folders of finished runs that were scored on the same test images.

    Returns:
        A dict. "runs": each one's accuracy, its interval and n; "pairs": for each two runs the difference and p-value.

    Raises:
        ConfigError: fewer than two runs, one named twice, or a folder that is no run.
        DataError: a run is missing or unfinished, or they were scored on different images.
    """
    given = [runs] if isinstance(runs, str | os.PathLike) else runs
    if not isinstance(given, Iterable):
        raise ConfigError(f"compare takes a list of run folders; got {described(runs)}.")
    names = [str(existing_run_folder(run).path) for run in given]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError("Name two or more different runs to compare.")
    for name in names:
        existing_run_folder(name).read_settings()  # refuses a folder that is no run
    compared = compare_predictions(
        {name: load_predictions(RunFolder(Path(name)).predictions) for name in names}
    )
    return Comparison(compared)
