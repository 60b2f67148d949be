"""Trackio: a local database in TRACKIO_DIR, or in Hugging Face's cache folder."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from tellapart.trackers.kept import keep, kept_text
from tellapart.trackers.plain import flat

PROJECT = "tellapart"


class TrackioTracker:
    """Logs to a local project; nothing leaves the machine unless TRACKIO_SPACE_ID or TRACKIO_SERVER_URL is set."""

    def __init__(self) -> None:
        import trackio

        self._trackio = trackio
        self._run: Any = None
        self.place = ""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Begin a run, named after the run folder with some letters of its own, or go on in it."""
        known = kept_text(run_folder, "trackio", "run")
        name = known or f"{run_folder.name}-{secrets.token_hex(2)}"
        with _silence():
            self._run = self._trackio.init(
                project=PROJECT,
                name=name,
                config=flat({"data": data["name"], **config}),
                resume="never" if known is None else "allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        if known is None:
            keep(run_folder, "trackio", run=name)
        self.place = f"Trackio, run {name}. To look: trackio show --project {PROJECT}"

    def log(self, values: dict[str, float], step: int) -> None:
        """Log the metrics of a step; of a step that came before, Trackio keeps both."""
        self._run.log(values, step=step)

    def finish(self, summary: dict[str, Any]) -> None:
        """Log the summary's figures at a step of their own, and end the run."""
        figures = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        with _silence():
            if figures:
                self._run.log(figures)
            self._trackio.finish()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep its remarks off stdout, where a command prints its result."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield
