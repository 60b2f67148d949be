"""Saves what must survive a training, whatever stops it."""

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
    """Listener that saves checkpoints and keeps the weights of the best epoch."""

    def __init__(self, config: TrainConfig, folder: RunFolder, model: Any, *, resumes: bool) -> None:
        self.config = config
        self.folder = folder
        self.model = model
        self.saved_at = time.monotonic()
        self.state = TrainState()
        self.best: Weights | None = None
        if resumes:
            self.state, self.best = load_checkpoint(folder.checkpoint, model)
            folder.resume_metrics(self.state.history)

    def event(self, event: Event) -> None:
        """Keep the best epoch's weights; save a checkpoint at a stop, at the end, and now and then between epochs."""
        save_now = isinstance(event, Stopped)
        if isinstance(event, EpochDone):
            refuse_divergence(event)
            if self.config.keep == "best" and best_epoch(self.state.history) is event:
                self.best = self.model.get_weights()
            if event.epoch + 1 in epochs_to_keep(self.config.epochs):
                save_weights(
                    self.folder.checkpoints / f"epoch-{event.epoch + 1:04d}.safetensors", self.model, event
                )
            save_now = (
                event.epoch + 1 == event.epochs
                or reached([event], self.config.target)
                or time.monotonic() - self.saved_at > SECONDS_BETWEEN_CHECKPOINTS
            )
        if save_now:
            save_checkpoint(self.folder.checkpoint, self.model, self.state, self.best)
            self.saved_at = time.monotonic()

    def restore_best_weights(self) -> None:
        """Restore the best epoch's weights, if the configuration keeps the best and an epoch was finished."""
        if self.best is not None:
            self.model.set_weights(self.best)


def epochs_to_keep(epochs: int) -> set[int]:
    """Return after which epochs, from 1, weights are saved: a third and two thirds of the way, but not the end."""
    return {round(epochs * share) for share in (1 / 3, 2 / 3)} - {0, epochs}


@contextmanager
def recoverable(folder: RunFolder) -> Iterator[None]:
    """Say how to go on if a file of the run cannot be written, and remove a folder without a checkpoint or model.

    Such a folder is also removed after Ctrl-C: it could neither be resumed nor used again.

    Raises:
        SaveError: a file could not be written; the message names the next step.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not folder.checkpoint.exists() and not folder.model.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    except SaveError as reason:
        resume = f"`tellapart train --resume {folder.path}`."
        if folder.checkpoint.exists():
            next_step = f"Everything up to the last checkpoint is saved. Resume with {resume}"
        elif folder.model.exists():
            next_step = f"The model is saved. Write what is missing with {resume}"
        else:
            shutil.rmtree(folder.path, ignore_errors=True)
            next_step = (
                "The run had no checkpoint yet, so its folder was removed. Then run the command again."
            )
        raise SaveError(f"{reason} {next_step}") from reason
