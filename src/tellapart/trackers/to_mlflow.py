"""MLflow: a run in the store that MLFLOW_TRACKING_URI names, or in MLflow's own default below the current folder."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellapart.trackers.kept import keep, kept_text
from tellapart.trackers.plain import flat

EXPERIMENT = "tellapart"
"""Where MLFLOW_EXPERIMENT_NAME names no other."""

MOST_PARAMS = 100
"""That MLflow takes at once."""

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


LONGEST_NAME = 250
"""Characters of a parameter's name."""


def as_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under names that MLflow takes: other characters become "_", names that then are alike differ by a
    number."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        plain = re.sub(r"[^\w.\- ]", "_", key).strip(". ")[: LONGEST_NAME - 6] or "_"
        name, number = plain, 2
        while name in result:
            name, number = f"{plain}_{number}", number + 1
        result[name] = value
    return result


class MlflowTracker:
    """Logs parameters and metrics with a client of its own: runs that somebody else has open are left alone."""

    def __init__(self) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it counts its users otherwise
        import mlflow

        self._mlflow = mlflow
        self._client: Any = None
        self._run = ""
        self.place = ""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Begin a run, or go on in the one that was kept, in the store where it is."""
        uri = kept_text(run_folder, "mlflow", "uri") or self._mlflow.get_tracking_uri()
        run = kept_text(run_folder, "mlflow", "run")
        with _warnings_alone():
            self._client = self._mlflow.MlflowClient(tracking_uri=uri)
            if run is None:
                run = self._begun(run_folder, flat({"data": data["name"], **config}))
            else:
                self._client.update_run(run, status="RUNNING")
        self._run = run
        self.place = f"MLflow, run {run} in {uri}. To look: mlflow ui --backend-store-uri {uri}"

    def _begun(self, run_folder: Path, settings: dict[str, Any]) -> str:
        from mlflow.entities import Param

        run = self._client.create_run(self._experiment(), run_name=run_folder.name).info.run_id
        keep(run_folder, "mlflow", uri=self._client.tracking_uri, run=run)  # before what may fail
        params = [Param(key, str(value)) for key, value in as_names(settings).items()]
        for first in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run, params=params[first : first + MOST_PARAMS])
        return str(run)

    def _experiment(self) -> str:
        """Return the ID of the experiment that the environment names, or of our own; make it where it is new."""
        if number := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return number
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        known = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if known is None else known.experiment_id)

    def log(self, values: dict[str, float], step: int) -> None:
        """Log the metrics of a step; of a step that came before, MLflow keeps both, the later one last."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(
            self._run, metrics=[Metric(name, float(value), now, step) for name, value in values.items()]
        )

    def finish(self, summary: dict[str, Any]) -> None:
        """Log the summary's figures, and end the run."""
        figures = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        if figures:
            self.log(figures, 0)
        self._client.set_terminated(self._run, STATUS[summary["state"]])


@contextmanager
def _warnings_alone() -> Iterator[None]:
    """Keep its remarks on a new database off the terminal."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "mlflow.store.db.utils", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
