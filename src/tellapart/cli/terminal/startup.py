"""Start-up: what lets a command answer, and end, sooner."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn


def leave_when_interrupted() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end the process at once, without a word from what is being imported.

    Nothing has begun yet. An exception raised while others' modules are imported could be swallowed or misreported by
    them, or break them half imported.
    """
    for number, default in _DEFAULTS.items():
        if signal.getsignal(number) is default:
            signal.signal(number, _leave)


_DEFAULTS = {
    getattr(signal, name): default
    for name, default in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    )
    if hasattr(signal, name)  # Windows has no SIGHUP
}
"""Signal -> what Python does at it."""


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


@contextmanager
def importing() -> Iterator[None]:
    """Import without looking for garbage, meanwhile and later.

    A tenth of torch's import is Python looking through what was just imported, and it does so once more when
    the process ends: half a second of `predict` in all.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for number, default in _DEFAULTS.items():
            if signal.getsignal(number) is _leave:
                signal.signal(number, default)
