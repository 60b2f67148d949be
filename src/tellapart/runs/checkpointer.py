"""Saves what must survive a training, whatever stops it."""

import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import SaveError
from tellapart.events import EpochDone, Event, StepDone, Stopped
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpoint import Companion, Weights, load_checkpoint, save_checkpoint, save_weights
from tellapart.runs.folder import RunFolder
from tellapart.training.health import best_epoch
from tellapart.training.state import TrainState

SECONDS_BETWEEN_CHECKPOINTS = 10.0
SHARE_FOR_SAVING = 0.05
"""Of the time of a training that saving may take: checkpoints that take long are written less often."""


class NotFiniteError(Exception):
    """Loss, weights or the optimizer's state became NaN or infinite."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch)
        self.epoch = epoch
        """In which it was noticed, from 0."""


class Snapshot(NamedTuple):
    """A training between two steps."""

    state: TrainState
    weights: Weights
    optimizer: list[NDArray[np.generic]]
    beside: tuple[str, dict[str, NDArray[Any]]] | None = None
    """What the companion keeps."""


class Checkpointer:
    """Listener that saves checkpoints, within epochs too, and keeps the weights of the best epoch.

    It also keeps the last state in which everything was finite, to go back to.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        model: Any,
        *,
        resumes: bool,
        warn: Callable[[str], None] = lambda _: None,
        companion: Companion | None = None,
    ) -> None:
        """Begin at the last checkpoint, or at the first step.

        Args:
            config: complete.
            folder: of the run.
            model: compiled; its weights and its optimizer's state are set where a checkpoint is there.
            resumes: whether to look for one.
            warn: is told in a sentence of a damaged checkpoint, or of a file that could not be written.
            companion: what else is saved and goes back.

        Raises:
            ModelError: no checkpoint can be read.
        """
        self.config, self.folder, self.model, self.warn = config, folder, model, warn
        self.companion = companion
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        self.saved_at, self.pause = time.monotonic(), SECONDS_BETWEEN_CHECKPOINTS
        self.state = TrainState()
        self.best: Weights | None = None
        if resumes and folder.has_checkpoint:
            self.state, self.best, said = load_checkpoint(folder.checkpoint, model, companion)
            if said:
                warn(said)
        if resumes:
            folder.resume_history(self.state.history)
        self.finite = self._snapshot()

    def event(self, event: Event) -> None:
        """Keep the best epoch's weights; save a checkpoint at a stop, at the end, and every few seconds.

        Raises:
            NotFiniteError: loss, weights or the optimizer's state are NaN or infinite. Nothing of it was saved.
            SaveError: a checkpoint could not be written; earlier ones stay.
        """
        is_due = time.monotonic() - self.saved_at > self.pause
        if not isinstance(event, StepDone | EpochDone | Stopped) or (
            isinstance(event, StepDone) and not is_due
        ):
            return
        self.state.settle()
        self._refuse_infinite(event)
        if isinstance(event, EpochDone):
            self._take_in(event)
            is_due |= event.epoch + 1 == event.epochs or self.config.early_end(self.state.history)
        if is_due or isinstance(event, Stopped):
            self.save()

    def save(self) -> None:
        """Save a checkpoint now.

        Raises:
            SaveError: it could not be written; earlier ones stay.
        """
        began = time.monotonic()
        save_checkpoint(self.folder.checkpoint, self.model, self.state, self.best, self.companion)
        self.saved_at = time.monotonic()
        self.pause = max(SECONDS_BETWEEN_CHECKPOINTS, (self.saved_at - began) / SHARE_FOR_SAVING)

    def _take_in(self, event: EpochDone) -> None:
        if self.config.keep == "best" and self._best_epoch() is event:
            self.best = self.model.get_weights()
        self.finite = self._snapshot()
        if event.epoch + 1 in epochs_to_keep(self.config.epochs):
            place = self.folder.checkpoints / f"epoch-{event.epoch + 1:04d}.safetensors"
            try:
                save_weights(place, self.model, event)
            except SaveError as reason:
                self.warn(f"{reason} The training goes on; explanations will lack this epoch.")

    def _best_epoch(self) -> EpochDone:
        return best_epoch(self.state.history, balanced=self.config.is_balanced)

    def _refuse_infinite(self, event: StepDone | EpochDone | Stopped) -> None:
        losses = [float(self.state.loss_sum)]
        if isinstance(event, EpochDone):
            losses += [event.loss, event.val_loss]
        held = [*self.model.get_weights(), *(np.asarray(v.numpy()) for v in self.model.optimizer.variables)]
        if not all(map(isfinite, losses)) or not all(np.isfinite(values).all() for values in held):
            self.state.history = [done for done in self.state.history if done is not event]
            raise NotFiniteError(event.epoch)

    def _snapshot(self) -> Snapshot:
        state = replace(self.state, history=list(self.state.history))
        return Snapshot(
            state,
            self.model.get_weights(),
            [np.array(v.numpy()) for v in self.model.optimizer.variables],
            None if self.companion is None else self.companion.state(),
        )

    def go_back_to(self, snapshot: Snapshot, best: Weights | None) -> None:
        """Go on from a state of this model or of another one built alike."""
        state = replace(snapshot.state, history=list(snapshot.state.history))
        self.state, self.best, self.finite = state, best, snapshot
        self.model.set_weights(snapshot.weights)
        for variable, value in zip(self.model.optimizer.variables, snapshot.optimizer, strict=True):
            variable.assign(value)
        if self.companion is not None and snapshot.beside is not None:
            self.companion.restore(*snapshot.beside)

    def restore_best_weights(self) -> None:
        """Restore the best epoch's weights, if the configuration keeps the best and an epoch was finished."""
        if self.best is not None:
            self.model.set_weights(self.best)


def epochs_to_keep(epochs: int) -> set[int]:
    """Return after which epochs, from 1, weights are saved: a third and two thirds of the way, but not the end."""
    return {round(epochs * share) for share in (1 / 3, 2 / 3)} - {0, epochs}


@contextmanager
def recoverable(folder: RunFolder) -> Iterator[None]:
    """Say how to go on if a file of the run cannot be written; remove a folder in which nothing has begun.

    Raises:
        SaveError: a file could not be written; the message names the next step.
    """
    try:
        yield
    except KeyboardInterrupt:
        _remove_if_useless(folder)
        raise
    except SaveError as reason:
        _remove_if_useless(folder)
        resume = f"`tellapart train --resume {shlex.quote(str(folder.path))}`."
        if not folder.can_resume:
            next_step = "Nothing had begun, so its folder was removed. Then run the command again."
        elif folder.has_checkpoint:
            next_step = f"Everything up to the last checkpoint is saved. Resume with {resume}"
        elif folder.model.exists():
            next_step = f"The model is saved. Write what is missing with {resume}"
        else:
            next_step = f"The run can begin again with {resume}"
        raise SaveError(f"{reason} {next_step}") from reason


def _remove_if_useless(folder: RunFolder) -> None:
    """Remove a folder that can neither be resumed nor used."""
    if not folder.can_resume and not folder.model.exists():
        shutil.rmtree(folder.path, ignore_errors=True)
