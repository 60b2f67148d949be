"""Progress on stderr: bars on a terminal, otherwise one plain line an epoch."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from tellapart.api.listener import Listener
from tellapart.api.transfer_lines import Stage, event_line
from tellapart.cli.terminal.console import notes
from tellapart.cli.terminal.estimate import TimeEstimate
from tellapart.cli.terminal.interruption import Interruption, unless_hung_up
from tellapart.cli.terminal.pace import Pace
from tellapart.events import (
    Diverged,
    EpochDone,
    Event,
    Finding,
    Replanned,
    StepDone,
    Stopped,
)
from tellapart.runs.setup import TrainingSetup
from tellapart.text import printable
from tellapart.training.early_end import EarlyEnd

REFRESHES_PER_SECOND = 4
"""Each takes about a millisecond of the processor that trains."""

SECONDS_BETWEEN_UPDATES = 0.2
SECONDS_BETWEEN_LINES = 30.0
"""Of the progress of predictions, where there are no bars."""

SECONDS_TO_JUDGE_SPEED = 300.0
"""Long enough to average over several validations, which no step counts."""

EPOCH_HEADER = "  epoch     loss  accuracy  val_loss  val_accuracy  seconds"
LABELS_HEADER = "  epoch     loss     exact  val_loss       val_mAP  seconds"
"""The same of several labels a picture: exact matches, and the mean average precision."""


def epoch_row(done: EpochDone) -> str:
    """Return one epoch as a row under EPOCH_HEADER."""
    number = f"{done.epoch + 1}/{done.epochs}"
    return (
        f"{number:>7}  {done.loss:7.4f}  {done.accuracy:8.4f}  {done.val_loss:8.4f}"
        f"  {done.val_accuracy:12.4f}  {done.seconds:7.1f}"
        + "".join(f"  {name} {value:.4f}" for name, value in done.metrics.items())
    )


class Bars:
    """One progress display at a time; none where stderr is no terminal."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console = console
        self.shown = console.is_terminal and not quiet
        self._progress: Progress | None = None
        self._kind = ""

    def show(self, kind: str, *columns: str | ProgressColumn, keep: bool = False) -> Progress:
        """Return the display of that kind; start it where another was shown.

        Args:
            kind: names it.
            columns: of the display, when it is begun.
            keep: whether it stays on the screen once it is done.
        """
        if self._progress is None or self._kind != kind:
            self.close()
            self._kind = kind
            self._progress = Progress(
                *columns,
                console=self.console,
                transient=not keep,
                refresh_per_second=REFRESHES_PER_SECOND,
                speed_estimate_period=SECONDS_TO_JUDGE_SPEED,
            )
            self._progress.start()
        return self._progress

    def count(self, what: str, done: int, total: int) -> None:
        """Show a bar that counts things, such as pictures."""
        if self.shown:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} of"))
            progress = self.show(what, *columns, TextColumn("{task.total:,.0f}"), TimeRemainingColumn())
            _update_only_task(progress, what, done, total)

    def transfer(self, what: str, done: int, total: int) -> None:
        """Show a bar that counts bytes, with their speed."""
        if self.shown:
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            progress = self.show(what, *columns, TimeRemainingColumn())
            _update_only_task(progress, what, done, total)

    def close(self) -> None:
        """Remove the display."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _update_only_task(progress: Progress, description: str, done: int, total: int) -> None:
    if not progress.tasks:
        progress.add_task(description, total=total)
    progress.update(progress.tasks[0].id, completed=done, total=total)


class ProgressListener(Listener):
    """Shows a training; used as a context, so that no bar outlives an error."""

    def __init__(
        self, introduce: Callable[[TrainingSetup, Any], None] | None = None, quiet: bool = False
    ) -> None:
        self.introduce = introduce
        self.quiet = quiet
        self.console = notes()
        self.bars = Bars(self.console, quiet)
        self.setup: TrainingSetup | None = None
        self.interruption = Interruption()
        self._tasks: tuple[TaskID, TaskID] | None = None
        self._next_update = 0.0
        self._quarters_shown = 0
        self._speaker: Thread | None = None
        self._estimate = TimeEstimate()
        self._pace = Pace()
        self.predicted: tuple[int, int] | None = None
        """Pictures done and pictures in all, where a file of predictions is written."""
        self._has_header = False

    def __enter__(self) -> "ProgressListener":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.close()

    def downloading(self, done: int, total: int) -> None:
        """Show downloaded bytes; without bars, one line at each quarter."""
        self.bars.transfer("Downloading", done, total)
        quarters = 4 * done // total if total else 0
        if quarters > self._quarters_shown and not self.bars.shown:
            self._tell(f"Downloaded {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
            self._quarters_shown = quarters

    def decoding(self, done: int, total: int) -> None:
        """Show how many pictures of a split have been read."""
        self.bars.count("Reading pictures", done, total)

    def listing(self, found: int) -> None:
        """Show how many pictures have been found; without bars, nothing."""
        self.bars.count("Listing pictures", found, found)

    def predicting(self, done: int, total: int) -> None:
        """Show how many predictions are safe on the disk, and the pace; without bars, a line now and then."""
        self.predicted, now = (done, total), time.monotonic()
        pace = self._pace.after(done, total, now)
        if self.bars.shown:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} of"))
            progress = self.bars.show(
                "Predicting", *columns, TextColumn("{task.total:,.0f}"), TextColumn("{task.fields[pace]}")
            )
            if not progress.tasks:
                progress.add_task("Predicting", total=total, pace="")
            progress.update(progress.tasks[0].id, completed=done, pace=pace)
        elif pace and now >= self._next_update and done < total:
            self._next_update = now + SECONDS_BETWEEN_LINES
            self._tell(f"{done:,} of {total:,} pictures, {pace}")

    def featuring(self, done: int, total: int) -> None:
        """Show how many pictures have passed through the frozen network."""
        self.bars.count("Computing features", done, total)

    def scoring(self, done: int, total: int) -> None:
        """Show how many test pictures have been scored."""
        self.bars.count("Scoring pictures", done, total)

    def comparing(self, done: int, total: int) -> None:
        """Show how many training pictures have been compared."""
        self.bars.count("Writing the report", done, total)

    def looking(self, done: int, total: int) -> None:
        """Show how many training pictures have been searched."""
        self.bars.count("Searching training pictures", done, total)

    def explaining(self, done: int, total: int) -> None:
        """Show how many sections of pages have been made."""
        self.bars.count("Explaining, section", done, total)

    def notice(self, words: str) -> None:
        """Print it, also where no progress is wanted; a download that follows is counted anew."""
        self.bars.close()
        self._quarters_shown = 0
        with unless_hung_up():
            self.console.print(printable(f"{words}."), soft_wrap=True)

    def warned(self, words: str) -> None:
        """Print it above the bars, also where no progress is wanted."""
        with unless_hung_up():
            self.console.print(printable(words), style="yellow", soft_wrap=True)

    def folder_made(self, setup: TrainingSetup) -> None:
        """Remember what a stopped training leaves."""
        self.setup = setup

    def prepared(self, setup: TrainingSetup, model: Any) -> None:
        """Print the introduction."""
        with unless_hung_up():
            self.bars.close()
            if self.introduce is not None:
                self.introduce(setup, model)
        self.interruption.on_request = self.stop_requested
        self.interruption.steps_are_running = setup.config.head is None

    def trained(self) -> None:
        """Stop at once where that was asked for after the last step, so that nobody has seen to it.

        Raises:
            KeyboardInterrupt: it was.
        """
        self._steps_are_over()
        if self.interruption.should_stop():
            raise KeyboardInterrupt

    def event(self, event: Event) -> None:
        """Show a step, an epoch, a stage of a transfer, a finding, a divergence, or the stop."""
        with unless_hung_up():
            self._show(event)

    def _show(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self._begin_steps()
            self._step(event)
        elif isinstance(event, EpochDone):
            self._begin_steps()
            self._tell(epoch_row(event))
            target = None if self.setup is None else self.setup.config.target
            if event.epoch + 1 == event.epochs or EarlyEnd(target)([event]):
                self._steps_are_over()
        elif isinstance(event, Stage):
            self.bars.close()
            self._tell(event_line(event, multi_label=self._multi_label))
        elif isinstance(event, Diverged | Finding | Replanned):
            self.warned(event.in_words)
        elif isinstance(event, Stopped):
            self._steps_are_over()

    def _begin_steps(self) -> None:
        """Print the header of the epochs, once; from here on, a stop waits for the end of a step."""
        if not self._has_header:
            self._has_header = True
            self.interruption.steps_are_running = True
            self._tell(LABELS_HEADER if self._multi_label else EPOCH_HEADER, "bold")

    @property
    def _multi_label(self) -> bool:
        return self.setup is not None and self.setup.config.multi_label

    def stop_requested(self) -> None:
        """Say so, from a signal handler, in a way that is safe there."""
        words = "Stopping after this step."
        if self.interruption.received == signal.SIGINT:
            words += " Press Ctrl-C again to stop at once."
        if self.bars.shown:
            # A line above the bars, by a thread: this one may be in the middle of drawing them.
            self._speaker = Thread(target=self._tell, args=(words,), daemon=True)
            self._speaker.start()
        elif not self.quiet:
            with suppress(OSError):
                os.write(2, f"{words}\n".encode())  # the stream itself may be in the middle of a line

    def _steps_are_over(self) -> None:
        if self._speaker is not None:
            self._speaker.join()
        self.bars.close()
        self.interruption.steps_are_running = False

    def _step(self, done: StepDone) -> None:
        assert self.setup is not None
        now, epochs = time.monotonic(), done.epochs
        finished = done.epoch * done.steps + done.step + 1
        line = self._estimate.after_step(finished, epochs * done.steps, now)
        if line is not None and self.setup.minutes is None:  # which said when it ends, beforehand
            self._tell(line)
        is_last = done.step + 1 == done.steps
        if not self.bars.shown or (now < self._next_update and not is_last):
            return
        self._next_update = now + SECONDS_BETWEEN_UPDATES
        progress = self._training_bars()
        if self._tasks is None:
            self._tasks = (
                progress.add_task("", total=done.steps, numbers=""),
                progress.add_task("Run", total=epochs * done.steps, completed=finished - 1, numbers=""),
            )
        epoch_task, run_task = self._tasks
        begins = done.epoch != progress.tasks[0].fields.get("epoch")
        (progress.reset if begins else progress.update)(
            epoch_task,
            completed=done.step + 1,
            description=f"Epoch {done.epoch + 1}/{epochs}",
            numbers=f"loss {done.loss:.4f} {'exact' if self._multi_label else 'acc'} {done.accuracy:.4f}",
            epoch=done.epoch,
        )
        progress.update(run_task, completed=finished)

    def _training_bars(self) -> Progress:
        return self.bars.show(
            "training",
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
        )

    def _tell(self, line: str, style: str | None = None) -> None:
        if not self.quiet:
            self.console.print(line, style=style, soft_wrap=True)
