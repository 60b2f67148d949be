"""Quiet: what converters say of their own code does not reach the user."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_in_turn = threading.RLock()
"""Both settings are the whole process's: two exports in threads would restore each other's."""


@contextmanager
def quietly() -> Iterator[None]:
    """Keep a library's progress and its warnings from the user in this block; its errors pass. One thread at a time."""
    with _in_turn:
        before = logging.root.manager.disable
        logging.disable(max(before, logging.WARNING))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.disable(before)
