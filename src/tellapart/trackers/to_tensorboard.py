"""TensorBoard: event files in the run folder, written by torch's own writer; TensorFlow is not needed."""

from pathlib import Path
from typing import Any

from tellapart.trackers.kept import read_kept
from tellapart.trackers.plain import flat

FOLDER = "tensorboard"
"""In the run folder."""


class TensorBoardTracker:
    """Writes event files into `tensorboard/` of the run folder."""

    def __init__(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open = SummaryWriter
        self._writer: Any = None
        self._last = 0
        self.place = ""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Open a new event file; one that goes on is read after the earlier ones."""
        self._folder = run_folder / FOLDER
        epochs = read_kept(run_folder).get("tensorboard", {}).get("epochs")
        self._last = epochs if type(epochs) is int else 0
        self.place = f"TensorBoard in {self._folder}. To look: tensorboard --logdir {run_folder.parent}"
        is_new = not self._folder.exists()
        self._writer = self._open(str(self._folder))
        if is_new:
            self._writer.add_text("settings", _table(flat({"data": data["name"], **config})))
        self._writer.flush()

    def log(self, values: dict[str, float], step: int) -> None:
        """Add a point to each curve. Where the step came before, readers forget it and what followed."""
        if step <= self._last:
            self._writer.close()
            self._writer = self._open(str(self._folder), purge_step=step)
        self._last = step
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finish(self, summary: dict[str, Any]) -> None:
        """Add the figures on the test pictures at the last epoch, and close the file."""
        for name, value in summary.items():
            if name.startswith("test_") and isinstance(value, float):
                self._writer.add_scalar(name, value, self._last)
        self._writer.add_text("summary", _table(summary))
        self._writer.close()


def _table(values: dict[str, Any]) -> str:
    """Return Markdown, which TensorBoard shows."""
    rows = "".join(f"| {name} | {_cell(value)} |\n" for name, value in values.items())
    return f"| setting | value |\n|---|---|\n{rows}"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
