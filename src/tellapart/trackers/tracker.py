"""What a tracker is: anything that can be told of a training's start, its epochs and its end.

Every class with these three methods can be given as `tellapart.train(..., log=MyTracker())`; it need not inherit
from anything:

    class Printer:
        def start(self, run_folder, config, data):
            print("training on", data["name"], "in", run_folder)

        def log(self, values, step):
            print("epoch", step, values["val_accuracy"])

        def finish(self, summary):
            print(summary["state"], summary.get("test_accuracy"))

A tracker that raises in `start` ends the training before its first step. One that raises later is left out from there
on: the training warns once and goes on.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

METHODS = ("start", "log", "finish")


@runtime_checkable
class Tracker(Protocol):
    """What a training tells of itself. An attribute `place`, a text, is said to the user once it has started."""

    def start(self, run_folder: Path, config: dict[str, Any], data: dict[str, Any]) -> None:
        """Hear that a training begins, or goes on after a stop.

        Args:
            run_folder: of the run, which exists; the same each time it goes on.
            config: every setting as plain values, as in run.toml.
            data: "name", "where", "class_names", and "pictures": split -> number of images.
        """

    def log(self, values: dict[str, float], step: int) -> None:
        """Hear of a finished epoch.

        Args:
            values: loss, accuracy, val_loss, val_accuracy, learning_rate, seconds: the columns of metrics.csv.
            step: the epoch, from 1. A step that came before comes again after a divergence, and replaces what was.
        """

    def finish(self, summary: dict[str, Any]) -> None:
        """Hear that the training ends, whatever the reason; nothing comes after it.

        Args:
            summary: "state" is "finished", "stopped" or "failed"; of a finished training there are also
                "test_accuracy" with its 95% interval "test_accuracy_low" and "test_accuracy_high", "test_pictures",
                "test_loss" and "best_epoch" (from 1; missing for a transfer that was not fine-tuned).
        """
