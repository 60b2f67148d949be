"""Keeping: what must outlive a training, whatever stops it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tellapart.errors import SaveError
from tellapart.events import EpochDone, Event, Stopped
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpoint import Weights, load_checkpoint, save_checkpoint, save_weights
from tellapart.runs.folder import RunFolder
from tellapart.training.health import best_epoch, refuse_divergence
from tellapart.training.loop import reached
from tellapart.training.state import TrainState

SECONDS_BETWEEN_CHECKPOINTS = 10.0


class Checkpointer:
    """Listens to a training and keeps what must outlive it: checkpoints, and the best weights."""

    def __init__(self, run: TrainConfig, folder: RunFolder, model: Any, *, resumes: bool) -> None:
        self.run = run
        self.folder = folder
        self.model = model
        self.saved_at = time.monotonic()
        self.state = TrainState()
        self.best: Weights | None = None
        if resumes:
            self.state, self.best = load_checkpoint(folder.checkpoint, model)
            folder.resume_metrics(self.state.history)

    def event(self, event: Event) -> None:
        """Note the best epoch; save a checkpoint at a stop, at the end, and between epochs at times."""
        ends = isinstance(event, Stopped)
        if isinstance(event, EpochDone):
            refuse_divergence(event)
            if self.run.keep == "best" and best_epoch(self.state.history) is event:
                self.best = self.model.get_weights()
            if event.epoch + 1 in kept_on_the_way(self.run.epochs):
                save_weights(
                    self.folder.checkpoints / f"epoch-{event.epoch + 1:04d}.safetensors", self.model, event
                )
            ends = (
                event.epoch + 1 == event.epochs
                or reached([event], self.run.target)
                or time.monotonic() - self.saved_at > SECONDS_BETWEEN_CHECKPOINTS
            )
        if ends:
            save_checkpoint(self.folder.checkpoint, self.model, self.state, self.best)
            self.saved_at = time.monotonic()

    def take_kept_weights(self) -> None:
        """Put the best epoch's weights into the model, where the run keeps the best and one was finished."""
        if self.best is not None:
            self.model.set_weights(self.best)


def kept_on_the_way(epochs: int) -> set[int]:
    """After which epochs, from 1, the weights are kept: a third and two thirds of the way, the end not."""
    return {round(epochs * share) for share in (1 / 3, 2 / 3)} - {0, epochs}


@contextmanager
def nothing_lost(folder: RunFolder) -> Iterator[None]:
    """Where a file of the run cannot be written, say how to go on; a folder that holds nothing yet is removed.

    So it is after Ctrl-C: it could neither be resumed nor be begun again.

    Raises:
        SaveError: with the next step.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not folder.checkpoint.exists() and not folder.model.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    except SaveError as reason:
        if folder.checkpoint.exists():
            next_step = (
                f"All is kept up to the last checkpoint: go on with `tellapart train --resume {folder.path}`."
            )
        else:
            shutil.rmtree(folder.path, ignore_errors=True)
            next_step = "The run had nothing to keep yet, so its folder was removed: run the command again."
        raise SaveError(f"{reason} {next_step}") from reason
