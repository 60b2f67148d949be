"""How long a training still takes: estimated from its last minute, and said again when that turns out wrong."""

from collections import deque

from tellapart.text import counted

STEPS_TO_ESTIMATE, SECONDS_TO_ESTIMATE = 12, 4.0
"""After the first step, which is slower than the others: whichever comes first is enough to estimate from."""

WINDOW, WINDOW_SHARE = 60.0, 0.2
"""Seconds that an estimate looks back, or this share of all so far where that is longer: long enough for the
validations, which no step counts."""

SECONDS_BETWEEN, SHARE_BETWEEN = 30.0, 0.25
"""Two announcements are at least this far apart, or this share of the time so far where that is longer."""

WRONG_BY = 0.25
"""Share of the time left by which the announced end may be off."""

FEWEST_SECONDS = 10.0
"""By which it may always be off."""


class TimeEstimate:
    """Estimates the end of a training from the moments of its steps."""

    def __init__(self) -> None:
        self._moments: deque[tuple[float, int]] = deque()
        self._began = 0.0
        self._announced_at = 0.0
        self._announced_end: float | None = None

    def after_step(self, done: int, total: int, now: float) -> str | None:
        """Return a line where there is something new to say.

        The first after a few steps; later ones where the end has moved and the pace is steady again.

        Args:
            done: steps, of the whole training.
            total: of the whole training.
            now: seconds of a clock that never goes back.
        """
        if not self._moments:
            self._began = now
        self._moments.append((now, done))
        elapsed, first = now - self._began, self._announced_end is None
        while now - self._moments[0][0] > max(WINDOW, WINDOW_SHARE * elapsed) and len(self._moments) > 2:
            self._moments.popleft()
        steps = done - self._moments[0][1]
        if not steps or done >= total:
            return None
        if first and elapsed <= SECONDS_TO_ESTIMATE and steps < STEPS_TO_ESTIMATE:
            return None
        since = elapsed - self._announced_at
        if not first and since < max(SECONDS_BETWEEN, SHARE_BETWEEN * elapsed):
            return None
        left = (now - self._moments[0][0]) / steps * (total - done)
        if self._announced_end is not None:
            off, lately = abs(now + left - self._announced_end), self._lately(total - done, now)
            if off <= max(FEWEST_SECONDS, WRONG_BY * left) or abs(lately - left) > WRONG_BY * left:
                return None
        self._announced_at, self._announced_end = elapsed, now + left
        return f"Estimated time left: {in_words(left)}"

    def _lately(self, steps: int, now: float) -> float:
        """Return the time that so many steps take at the pace of the later half of the moments remembered."""
        middle, done = self._moments[len(self._moments) // 2]
        return (now - middle) / max(1, self._moments[-1][1] - done) * steps


def in_words(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:
        return counted(max(1, round(seconds)), "second")
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
