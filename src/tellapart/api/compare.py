"""`compare`: several runs side by side, as a page and as plain values."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError
from tellapart.files import write_text
from tellapart.pages.card import Card, Readable, Table, Words
from tellapart.reports.compared_runs import facts_of_comparison, read_compared
from tellapart.reports.comparison import measures_of
from tellapart.reports.comparison_page import page
from tellapart.runs.folder import existing_run_folder
from tellapart.text import counted, described, percent


class Comparison(Readable, Mapping[str, Any]):
    """What a comparison says, by name as in a dict, and as a page.

    "runs": each one's figures; "pairs": for each two runs that were scored on the same test images the difference, and
    p-values of McNemar's exact test (of several labels a picture: of a bootstrap), as it is and corrected for the
    number of pairs; "unpaired": the other pairs, with
    the reason; "curves"; "settings" and "circumstances" that differ; "missing".
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = dict(facts)

    def __getitem__(self, name: str) -> Any:
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return dict(self._facts)

    def save(self, path: str | Path) -> Path:
        """Write the page: curves on top of each other, paired tests, settings that differ. A file is replaced.

        Raises:
            SaveError: it cannot be written.
        """
        write_text(Path(path), page(self._facts))
        return Path(path)

    def _parts(self) -> list[str]:
        best = [
            f"highest test {title} {percent(max(figures), 2)} (n={self['runs'][0]['n']:,})"
            for title, name in measures_of(self["runs"]).items()
            if not self["unpaired"]
            and (figures := [run[name] for run in self["runs"] if run[name] is not None])
        ]
        untested = f", {counted(len(self['unpaired']), 'pair')} without one" if self["unpaired"] else ""
        return [
            counted(len(self["runs"]), "run"),
            *best,
            counted(len(self["pairs"]), "paired test") + untested,
        ]

    def _card(self) -> Card:
        measures = measures_of(self["runs"])
        runs = [
            (
                run["run"],
                *(None if run[name] is None else percent(run[name], 2) for name in measures.values()),
                None if run["interval"] is None else " to ".join(percent(end, 2) for end in run["interval"]),
                run["n"],
            )
            for run in self["runs"]
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
            counted(len(runs), "run"),
            [
                Table(("run", *measures, "95% interval", "n"), runs),
                Table(("first", "second", "second is better by", "p"), pairs, "Two by two"),
                Words("The whole page: comparison.save('comparison.html')."),
            ],
        )


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare runs: figures, curves, settings; and two by two, by a paired test on the same test images.

    Args:
        runs: two or more run folders. Those that were not scored on the same test images are compared without a test.

    Returns:
        A `Comparison`; `save("comparison.html")` writes its page.

    Raises:
        ConfigError: fewer than two runs, one named twice, or a folder that is no run.
        DataError: a folder does not exist.
    """
    given = [runs] if isinstance(runs, str | os.PathLike) else runs
    if not isinstance(given, Iterable):
        raise ConfigError(f"compare takes a list of run folders; got {described(runs)}.")
    names = [str(existing_run_folder(run).path) for run in given]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError("Name two or more different runs to compare.")
    return Comparison(facts_of_comparison([read_compared(name) for name in names]))
