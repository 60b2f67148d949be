"""A training's live curve in a notebook: one output, written anew after each epoch; what is saved is the last state."""

import time
from collections.abc import Iterable
from typing import Any

from tellapart.api.curves import curves_of
from tellapart.api.listener import EpochPrinter, Listener
from tellapart.api.transfer_lines import Stage, event_line
from tellapart.events import Diverged, EpochDone, Event, Finding, Replanned, StepDone, Stopped
from tellapart.pages.card import Block, Card, Readable, Words
from tellapart.pages.notebook import in_notebook
from tellapart.runs.setup import TrainingSetup
from tellapart.text import percent, short_name

SECONDS_BETWEEN = 1.0
"""Between two updates within an epoch."""

MOST_LINES = 12
"""Lines below the curves; of more, the last ones."""


def listener_for(verbose: bool) -> Listener:
    """Return who hears a training where nobody was named: a live curve in a notebook, lines elsewhere.

    Args:
        verbose: False: nobody.
    """
    if not verbose:
        return Listener()
    return NotebookListener() if in_notebook() else EpochPrinter()


class Training(Readable):
    """A training as it goes: what a notebook shows of it."""

    def __init__(self) -> None:
        self.title = "starting"
        self.status = ""
        """What is being done."""
        self.multi_label = False
        """Whether a picture may have several labels, so that figures have other names."""
        self.history: list[EpochDone] = []
        self.lines: list[str] = []

    def _parts(self) -> Iterable[str]:
        last = [self._last()] if self.history else self.lines[-1:]
        return [self.title, *last, self.status] if self.status else [self.title, *last]

    def _last(self) -> str:
        return self.history[-1].in_words

    def _card(self) -> Card:
        blocks: list[Block] = [Words(self.status)] if self.status else []
        if self.history:
            blocks += [curves_of(self.history, multi_label=self.multi_label), Words(self._last())]
        return Card("Training", self.title, [*blocks, *map(Words, self.lines[-MOST_LINES:])])


class NotebookListener(Listener):
    """Shows a training's curve in the cell that started it, in one output."""

    def __init__(self) -> None:
        self.training = Training()
        self._output: Any = None
        self._shown_at = 0.0

    def folder_made(self, setup: TrainingSetup) -> None:
        """Show what is trained where."""
        data, recipe = short_name(setup.dataset.name), short_name(setup.config.recipe)
        self.training.multi_label = setup.config.multi_label
        self.training.title = f"{data} by {recipe}, run folder {short_name(str(setup.folder.path))}"
        if setup.reason:
            self.training.lines.append(setup.reason)
        self._show("Preparing the network")

    def notice(self, words: str) -> None:
        """Show it below."""
        self.training.lines.append(f"{words}.")
        self._show(self.training.status)

    def event(self, event: Event) -> None:
        """Show a finished epoch or stage, what the watch noticed, and between them how far the epoch is."""
        if isinstance(event, StepDone):
            done = percent((event.step + 1) / event.steps, 0)
            self._show(f"Epoch {event.epoch + 1} of {event.epochs}: {done}", seldom=True)
            return
        if isinstance(event, EpochDone):
            self.training.history[event.epoch :] = [event]  # after a divergence, epochs are trained again
            done = (
                "Trained" if event.epoch + 1 == event.epochs else f"Epoch {event.epoch + 2} of {event.epochs}"
            )
            self._show(done)
            return
        if isinstance(event, Stage):
            self.training.lines.append(event_line(event, multi_label=self.training.multi_label))
        elif isinstance(event, Diverged | Finding | Replanned):
            self.training.lines.append(event.in_words)
        elif isinstance(event, Stopped):
            self.training.lines.append(f"Stopped in epoch {event.epoch + 1}.")
        self._show("" if isinstance(event, Stopped) else self.training.status)

    def trained(self) -> None:
        """Show that the last step is done."""
        self._show("Scoring the test pictures")

    def downloading(self, done: int, total: int) -> None:
        """Show how much has arrived."""
        self._progress("Downloading", done, total)

    def decoding(self, done: int, total: int) -> None:
        """Show how many pictures have been read."""
        self._progress("Reading pictures", done, total)

    def featuring(self, done: int, total: int) -> None:
        """Show how many pictures have passed through the backbone."""
        self._progress("Computing features", done, total)

    def scoring(self, done: int, total: int) -> None:
        """Show that the test pictures have been scored."""
        if done >= total:
            self._show("")

    def comparing(self, done: int, total: int) -> None:
        """Show that the report is being written, and when it is."""
        self._show("" if done >= total else "Writing the report", seldom=done < total)

    def _progress(self, what: str, done: int, total: int) -> None:
        self._show(f"{what}: {percent(done / max(1, total), 0)}", seldom=True)

    def _show(self, status: str, *, seldom: bool = False) -> None:
        """Write the output anew.

        Args:
            status: what is being done.
            seldom: whether to leave it at the last update where that was just now.
        """
        self.training.status = status
        now = time.monotonic()
        if seldom and now - self._shown_at < SECONDS_BETWEEN:
            return
        self._shown_at = now
        from IPython.display import display

        if self._output is None:
            self._output = display(self.training, display_id=True)
        else:
            self._output.update(self.training)
