"""Start-up: what lets a command answer, and end, sooner."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
