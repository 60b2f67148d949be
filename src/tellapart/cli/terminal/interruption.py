"""Interruption: the first Ctrl-C asks a training to stop at a whole step, the second stops at once.

SIGTERM and SIGHUP, which a closed terminal sends, do the same. Outside the steps, where nobody asks `should_stop`, the
first one stops at once. A signal that is ignored when the command begins, as `nohup` has it, stays ignored.
"""

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO
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
        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._handle) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        at_once = self.received is not None or not self.steps_are_running
        self.received = number
        let_go_of_lost_terminal()
        if at_once:
            raise KeyboardInterrupt
        self.on_request()


@contextmanager
def unless_hung_up() -> Iterator[None]:
    """Print within the block; where the terminal has been closed, say nothing from here on instead of failing."""
    try:
        yield
    except OSError as reason:
        if reason.errno != EIO:
            raise
        let_go_of_lost_terminal()


def let_go_of_lost_terminal() -> None:
    """Send what is printed nowhere, for each stream whose terminal has been closed: writing to it would fail."""
    for stream in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)
