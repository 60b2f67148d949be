"""Weights & Biases: offline in the run folder, unless WANDB_MODE says otherwise."""

import os
import secrets
from pathlib import Path
from typing import Any

from tellapart.trackers.kept import keep, kept_text, read_kept

PROJECT = "tellapart"
"""Where WANDB_PROJECT names no other."""


class WandbTracker:
    """Logs to a run of its own, which is silent: what is on the terminal stays there."""

    def __init__(self) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it reports its own errors even offline
        import wandb

        self._wandb = wandb
        self._run: Any = None
        self._folder = Path()
        self._last = 0
        self.place = ""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Begin a run; one that goes on has the same ID, so that W&B joins them when they are sent."""
        mode = os.environ.get("WANDB_MODE") or "offline"
        known = kept_text(run_folder, "wandb", "run")
        run_id = known or secrets.token_hex(4)
        self._run = self._wandb.init(
            id=run_id,
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run_folder.name,
            dir=os.environ.get("WANDB_DIR") or str(run_folder),
            config={"data": data, **config},
            mode=mode,
            resume=None if mode == "offline" else "allow",
            settings=self._wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("epoch")
        self._run.define_metric("*", step_metric="epoch")
        if known is None:
            keep(run_folder, "wandb", run=run_id)
        kept = read_kept(run_folder)["wandb"].get("step")
        self._folder, self._last = run_folder, kept if isinstance(kept, int) else 0
        self.place = self._where(mode)

    def _where(self, mode: str) -> str:
        if mode != "offline":
            return f"Weights & Biases, {self._run.url or f'mode {mode}'}"
        folder = Path(self._run.dir).parent
        return f"Weights & Biases, offline in {folder}. To send it: wandb sync {folder}"

    def log(self, values: dict[str, float], step: int) -> None:
        """Log the metrics over the epoch. W&B's own steps cannot go back, so a repeated epoch gets a later one."""
        self._last = max(step, self._last + 1)
        if self._last > step:
            keep(self._folder, "wandb", step=self._last)
        self._run.log({"epoch": step, **values}, step=self._last)

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the summary, and end the run."""
        self._run.summary.update(summary)
        self._run.finish(exit_code=1 if summary["state"] == "failed" else 0)
