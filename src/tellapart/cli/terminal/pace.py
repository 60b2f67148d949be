"""Pace: how fast things go lately, and how long the rest will take."""

from collections import deque

from tellapart.cli.terminal.estimate import in_words

WINDOW = 60.0
"""Seconds over which the pace is measured."""


class Pace:
    """Counts what is done, and says how fast it goes."""

    def __init__(self) -> None:
        self._moments: deque[tuple[float, int]] = deque()

    def after(self, done: int, total: int, now: float) -> str:
        """Return the pace and the time left, in words; nothing before there is a pace.

        Args:
            done: so far; what was done before the first call counts for no pace.
            total: in all.
            now: seconds of a clock that never goes back.
        """
        self._moments.append((now, done))
        while len(self._moments) > 2 and now - self._moments[1][0] > WINDOW:
            self._moments.popleft()
        began, before = self._moments[0]
        if done == before or now <= began:
            return ""
        each_second = (done - before) / (now - began)
        left = f", {in_words((total - done) / each_second)} left" if done < total else ""
        return f"{each_second:,.{0 if each_second >= 10 else 1}f} pictures/s{left}"
