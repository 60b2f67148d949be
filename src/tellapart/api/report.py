"""Writing: a run's report, and the comparison of several, from their folders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.api.listener import Listener
from tellapart.data.store import ImageStore
from tellapart.errors import ConfigError
from tellapart.reports.comparison import compare
from tellapart.reports.page import write_report
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.predictions import load_predictions
from tellapart.runs.saved_run import load_run


@dataclass(frozen=True, slots=True)
class Report:
    """A page, and what it says."""

    path: Path
    facts: Mapping[str, Any]


def report_of_run(
    run: str | Path,
    listener: Listener,
    stores: Mapping[str, ImageStore] | None = None,
) -> Report:
    """Write `report.html` into a run folder.

    Args:
        run: the folder.
        listener: is told of pictures read and compared.
        stores: the run's pictures, where they are still in memory.

    Raises:
        DataError: there is no such folder.
        ConfigError: it is no run's.
        SaveError: the page could not be written.
    """
    found = load_run(run, stores, listener.decoding)
    return Report(found.folder.report, write_report(found, listener.comparing))


def comparison_of_runs(runs: Sequence[str | Path]) -> dict[str, Any]:
    """Hold runs against each other on the test pictures that they share.

    Raises:
        ConfigError: fewer than two, or one twice.
        DataError: a run is not there or was not finished, or they were scored on other pictures.
    """
    names = [str(run) for run in runs]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError("Name two different runs or more: tellapart report --compare RUN RUN...")
    for run in runs:
        existing_run_folder(run).read_settings()  # says it, where that is no run folder
    return compare({name: load_predictions(RunFolder(Path(name)).answers) for name in names})
