"""What a training or an explanation says while it runs, and who hears it."""

import warnings
from collections.abc import Callable
from typing import Any

from tellapart.api.transfer_lines import Stage, event_line
from tellapart.events import Diverged, EpochDone, Event, Finding, Replanned
from tellapart.runs.setup import TrainingSetup


class Listener:
    """Hears what happens. Every method does nothing until a subclass overrides it."""

    def folder_made(self, setup: TrainingSetup) -> None:
        """The run folder is there, and can be resumed from here on; the network is built next."""

    def prepared(self, setup: TrainingSetup, model: Any) -> None:
        """Everything is ready; the first step comes next."""

    def notice(self, words: str) -> None:
        """Something is about to happen that people want to know beforehand: a sentence without its full stop."""

    def warned(self, words: str) -> None:
        """Something went wrong that does not end the training: a sentence or two."""
        warnings.warn(words, stacklevel=2)

    def event(self, event: Event) -> None:
        """A StepDone after every step, an EpochDone after every epoch, a Finding when something goes wrong, and others.

        Ignore what you do not know: if isinstance(event, tellapart.EpochDone): print(event.epoch, event.val_accuracy).
        """

    def trained(self) -> None:
        """The last step is done: what follows does not ask whether to stop."""

    def downloading(self, done: int, total: int) -> None:
        """Bytes of the data set have arrived."""

    def decoding(self, done: int, total: int) -> None:
        """Images of a split have been read."""

    def listing(self, found: int) -> None:
        """Pictures have been found, and more are looked for."""

    def predicting(self, done: int, total: int) -> None:
        """Pictures have been predicted, and their rows are safe on the disk."""

    def featuring(self, done: int, total: int) -> None:
        """Images have passed through the backbone."""

    def scoring(self, done: int, total: int) -> None:
        """Test images have been scored."""

    def comparing(self, done: int, total: int) -> None:
        """Training images have been compared with the mistakes that a report shows."""

    def looking(self, done: int, total: int) -> None:
        """Training images have been looked at for an explanation."""

    def explaining(self, done: int, total: int) -> None:
        """Sections of the explanation pages have been made."""


class Forwarding(Listener):
    """Hears for another listener, which hears everything too; subclasses add something of their own."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener


def _forwarded(name: str) -> Callable[..., None]:
    def hear(self: Forwarding, *said: Any) -> None:
        getattr(self._listener, name)(*said)

    return hear


for _name in [name for name in vars(Listener) if not name.startswith("_")]:
    setattr(Forwarding, _name, _forwarded(_name))


class EpochPrinter(Listener):
    """Prints one line for each epoch, and for each stage of a transfer."""

    multi_label = False
    """Whether the training is one on several labels a picture."""

    def folder_made(self, setup: TrainingSetup) -> None:
        """Remember what its figures are called."""
        self.multi_label = setup.config.multi_label

    def notice(self, words: str) -> None:
        """Print it."""
        print(f"{words}.", flush=True)

    def event(self, event: Event) -> None:
        """Print a finished epoch or stage, what the watch noticed, and where a training that diverged goes on."""
        if isinstance(event, EpochDone):
            print(event.in_words, flush=True)
        elif isinstance(event, Stage):
            print(event_line(event, multi_label=self.multi_label), flush=True)
        elif isinstance(event, Diverged | Finding | Replanned):
            print(event.in_words, flush=True)
