"""Admission: who may come in now, by the pictures that wait and by each client's rate."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

from tellapart.web.bodies import busy

MOST_CLIENTS = 10_000
"""Whose rates are kept; of more, the one that was silent longest is forgotten."""


class Places:
    """Places for things that are accepted and not yet answered."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken = 0

    @contextmanager
    def taken_for(self, count: int) -> Iterator[None]:
        """Take so many places until the block ends.

        Raises:
            HTTPException: 503, there are too few.
        """
        self.refuse_if_full(count)
        self.taken += count
        try:
            yield
        finally:
            self.taken -= count

    def refuse_if_full(self, count: int = 1) -> None:
        """Raise if there are fewer places.

        Raises:
            HTTPException: 503.
        """
        if self.taken + count > self._count:
            raise busy()


class Rates:
    """How many requests each client has sent lately: a bucket of tokens for each (Turner 1986)."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        """Create it.

        Args:
            rate: requests a second.
            burst: requests at once.
            now: a clock, in seconds.
        """
        self._rate, self._burst, self._now = rate, burst, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Client -> requests that it may send, and when that was so."""

    def count(self, client: str) -> None:
        """Count a request.

        Raises:
            HTTPException: 429, with the seconds after which the next one is accepted.
        """
        now = self._now()
        left, since = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        accepted = left >= 1
        self._buckets[client] = (left - accepted, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if not accepted:
            seconds = math.ceil((1 - left) / self._rate)
            raise HTTPException(
                429,
                f"Too many requests: at most {self._rate:g} a second. Try again in {seconds} s.",
                {"Retry-After": str(seconds)},
            )
