"""`report`: one run as a page, and as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.api.listener import Listener
from tellapart.data.store import ImageStore
from tellapart.pages.card import Card, Facts, Readable
from tellapart.reports.report import write_report
from tellapart.runs.saved_run import load_run
from tellapart.text import percent, short_name


@dataclass(frozen=True, slots=True)
class Report(Readable):
    """A page, and what it says."""

    path: Path
    facts: Mapping[str, Any]
    """Everything that it says, as plain values."""

    def _parts(self) -> list[str]:
        accuracy = (self.facts.get("scores") or {}).get("accuracy")
        precision = (self.facts.get("label_scores") or {}).get("mean_average_precision")
        return [
            *([] if accuracy is None else [f"test accuracy {percent(accuracy)}"]),
            *([] if precision is None else [f"test mean average precision {percent(precision)}"]),
            short_name(str(self.path), 120),
            f"facts: {', '.join(self.facts)}",
        ]

    def _card(self) -> Card:
        facts = [("page, to open in a browser", self.path), ("facts", ", ".join(self.facts))]
        return Card("Report", self._parts()[0], [Facts(facts)])


def report(run: str | Path, *, listener: Listener | None = None) -> Report:
    """Write a run's report, `report.html` in its folder.

    Args:
        run: the folder that `train` made.
        listener: hears of images read and compared.

    Returns:
        The page's path, and everything that it says as plain values.

    Raises:
        DataError: there is no such folder.
        ConfigError: it is not a run folder.
        SaveError: the page could not be written.
    """
    return report_of_run(run, listener or Listener())


def report_of_run(
    run: str | Path, listener: Listener, stores: Mapping[str, ImageStore] | None = None
) -> Report:
    """Do what `report` does; `stores` are the run's images, where they are still in memory."""
    saved = load_run(run, stores, listener.decoding)
    return Report(saved.folder.report, write_report(saved, listener.comparing))
