"""MLflow: a run in the store that MLFLOW_TRACKING_URI names, or in MLflow's own default below the current folder."""

import os
import time
from pathlib import Path
from typing import Any

from tellapart.trackers.kept import keep, kept_text
from tellapart.trackers.plain import flat

EXPERIMENT = "tellapart"
"""Where MLFLOW_EXPERIMENT_NAME names no other."""

MOST_PARAMS = 100
"""That MLflow takes at once."""

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowTracker:
    """Logs parameters and metrics with a client of its own: runs that somebody else has open are left alone."""

    def __init__(self) -> None:
        import mlflow

        self._mlflow = mlflow
        self._client: Any = None
        self._run = ""
        self.place = ""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Begin a run, or go on in the one that was kept, in the store where it is."""
        uri = kept_text(run_folder, "mlflow", "uri") or self._mlflow.get_tracking_uri()
        run = kept_text(run_folder, "mlflow", "run")
        self._client = self._mlflow.MlflowClient(tracking_uri=uri)
        if run is None:
            run = self._begun(run_folder, flat({"data": data["name"], **config}))
            keep(run_folder, "mlflow", uri=uri, run=run)
        else:
            self._client.update_run(run, status="RUNNING")
        self._run = run
        self.place = f"MLflow, run {run} in {uri}. To look: mlflow ui --backend-store-uri {uri}"

    def _begun(self, run_folder: Path, settings: dict[str, Any]) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
        run = self._client.create_run(number, run_name=run_folder.name).info.run_id
        params = [Param(key, str(value)) for key, value in settings.items()]
        for first in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run, params=params[first : first + MOST_PARAMS])
        return str(run)

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
