"""Start-up: what lets a command answer, and end, sooner."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


def leave_when_interrupted() -> None:
    """Let Ctrl-C end the process at once, without a word from what is being imported.

    Nothing has begun yet. An exception raised while others' modules are imported could be swallowed or misreported by
    them, or break them half imported.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(130)


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
        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
