"""What a training says while it runs, and to whom."""

from typing import Any

from tellapart.events import Event
from tellapart.runs.setup import TrainingSetup


class Listener:
    """Is told what happens in a training. Every method does nothing until somebody overrides it."""

    def prepared(self, prepared: TrainingSetup, model: Any) -> None:
        """All is ready; the first step comes next."""

    def event(self, event: Event) -> None:
        """A step or an epoch is done, or the training stops."""

    def downloading(self, done: int, total: int) -> None:
        """Bytes of the data set have arrived."""

    def decoding(self, done: int, total: int) -> None:
        """Pictures of a split have been read."""

    def scoring(self, done: int, total: int) -> None:
        """Test pictures have been scored."""

    def comparing(self, done: int, total: int) -> None:
        """Training pictures have been compared with the mistakes that a report shows."""

    def looking(self, done: int, total: int) -> None:
        """Training pictures have been looked at, for an explanation."""

    def explaining(self, done: int, total: int) -> None:
        """Sections of the pages that explain pictures have been made."""
