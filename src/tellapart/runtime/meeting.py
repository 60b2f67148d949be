"""How the processes of a team find each other, and nobody else's traces.

torchrun keeps its store from one start of the processes to the next. A process that is started again could read there
the address of one that has ended, and wait for it. So the first process offers a name that nobody used before, the
others answer to it, and all further keys begin with it.
"""

import json
import time
import uuid
from datetime import timedelta
from typing import Any

PAUSE = 0.02
"""Seconds between two looks."""


def meet(store: Any, rank: int, size: int, within: timedelta) -> str:
    """Return a name that all processes of this start agree upon.

    Args:
        store: a `torch.distributed.Store` that all of them reach, and that others may have used.
        rank: of this process.
        size: how many there are.
        within: after so long without the others, it is given up.

    Raises:
        RuntimeError: not all of them came.
    """
    own, end = uuid.uuid4().hex, time.monotonic() + within.total_seconds()
    if rank == 0:
        store.set("offer", own)
    while time.monotonic() < end:
        offer = own if rank == 0 else _read(store, "offer")
        if offer:
            answers = _answers(store, offer, rank, size, own)
            if rank == 0 and answers is not None:
                store.set(f"{offer}/agreed", json.dumps(answers))
            agreed = _read(store, f"{offer}/agreed")
            if (
                agreed and json.loads(agreed)[rank] == own
            ):  # else it was agreed upon by processes that have ended
                return offer
        time.sleep(PAUSE)
    raise RuntimeError(f"not all of the {size} processes came within {within.total_seconds():.0f} seconds")


def _answers(store: Any, offer: str, rank: int, size: int, own: str) -> list[str] | None:
    """Answer an offer; return everybody's answers, None where some are missing."""
    store.set(f"{offer}/{rank}", own)
    if rank:
        return None
    answers = [_read(store, f"{offer}/{other}") for other in range(size)]
    return answers if all(answers) else None


def _read(store: Any, key: str) -> str:
    """Return what is stored under a key; empty where nothing is."""
    return store.get(key).decode() if store.check([key]) else ""
