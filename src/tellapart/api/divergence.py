"""What becomes of a training whose loss or weights become NaN or infinite: once more at a lower rate, or its end."""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from tellapart.events import Diverged, Event
from tellapart.runs.checkpointer import Checkpointer, NotFiniteError
from tellapart.runs.folder import RunFolder

RATE_AFTER_DIVERGENCE = 0.1
"""What learning rates are multiplied by after the first divergence; after a second one the training ends."""


class Training(Protocol):
    """A network with all that trains it, at some step."""

    @property
    def checkpointer(self) -> Checkpointer:
        """Holds its state, and the last one in which everything was finite."""

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be done."""

    def run(self, tell: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        """Train until it is over or somebody asks to stop; NotFiniteError where it diverges."""

    def at_lower_rates(self) -> Self:
        """Return the same training in its last finite state, its learning rates lower."""


SomeTraining = TypeVar("SomeTraining", bound=Training)


def train_to_the_end(
    training: SomeTraining, folder: RunFolder, tell: Callable[[Event], None], should_stop: Callable[[], bool]
) -> SomeTraining:
    """Train; after a first divergence go on at lower rates, after a second one end with the last finite state."""
    while not training.is_over:
        try:
            training.run(tell, should_stop)
            return training
        except NotFiniteError as reason:
            finite = training.checkpointer.finite.state
            finite.divergences += 1
            factor = None if finite.divergences > 1 else RATE_AFTER_DIVERGENCE
            tell(Diverged(reason.epoch, finite.epoch, factor))
            training = training.at_lower_rates()
            folder.resume_history(finite.history)
            training.checkpointer.save()
    return training
