"""`compare`: several runs on the test images that they share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError
from tellapart.reports.comparison import compare as compare_predictions
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.predictions import load_predictions


def compare(runs: Sequence[str | Path]) -> dict[str, Any]:
    """Compare runs on their test images, two by two, by McNemar's exact test.

    Args:
        runs: folders of finished runs that were scored on the same test images.

    Returns:
        "runs": each one's accuracy, its interval and n; "pairs": for each two runs the difference and p-value.

    Raises:
        ConfigError: fewer than two runs, one named twice, or a folder that is no run.
        DataError: a run is missing or unfinished, or they were scored on different images.
    """
    names = [str(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError("Name two or more different runs to compare.")
    for run in runs:
        existing_run_folder(run).read_settings()  # refuses a folder that is no run
    return compare_predictions({name: load_predictions(RunFolder(Path(name)).predictions) for name in names})
