"""Interruption: the first Ctrl-C asks a training to stop at a whole step, the second stops at once.

SIGTERM and SIGHUP, which a closed terminal sends, do the same. Outside the steps, where nobody asks `should_stop`, the
first one stops at once.
"""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
]


class Interruption:
    """Catches these signals while the `with` block runs."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.steps_are_running = False
        """Set where somebody asks `should_stop` soon."""

        self.on_request: Callable[[], None] = lambda: None
        """Called, from the signal handler, when the training is asked to stop."""

        self._before: dict[int, Any] = {}

    def should_stop(self) -> bool:
        """Whether somebody asked."""
        return self.received is not None

    @property
    def exit_code(self) -> int:
        """As shells give it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self.received or signal.SIGINT)

    def __enter__(self) -> "Interruption":
        self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        at_once = self.received is not None or not self.steps_are_running
        self.received = number
        if at_once:
            raise KeyboardInterrupt
        self.on_request()
