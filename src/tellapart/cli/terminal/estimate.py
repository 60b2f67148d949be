"""How long a training still takes: estimated from its last minute, and said again when that turns out wrong."""

from collections import deque

from tellapart.text import counted

STEPS_TO_ESTIMATE, SECONDS_TO_ESTIMATE = 12, 4.0
"""After the first step, which is slower than the others: whichever comes first is enough to estimate from."""

WINDOW = 60.0
"""Seconds that an estimate looks back; long enough for a small validation, which no step counts."""

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

        The first after a few steps; later ones where the end has moved, each after twice as long as the one before.

        Args:
            done: steps, of the whole training.
            total: of the whole training.
            now: seconds of a clock that never goes back.
        """
        if not self._moments:
            self._began = now
        self._moments.append((now, done))
        while now - self._moments[0][0] > WINDOW and len(self._moments) > 2:
            self._moments.popleft()
        elapsed, first = now - self._began, self._announced_end is None
        steps = done - self._moments[0][1]
        if not steps or done >= total:
            return None
        if first and elapsed <= SECONDS_TO_ESTIMATE and steps < STEPS_TO_ESTIMATE:
            return None
        if not first and elapsed < 2 * self._announced_at:
            return None
        left = (now - self._moments[0][0]) / steps * (total - done)
        if self._announced_end is not None:
            off = abs(now + left - self._announced_end)
            if off <= max(FEWEST_SECONDS, WRONG_BY * left):
                return None
        self._announced_at, self._announced_end = elapsed, now + left
        return f"Estimated time left: {in_words(left)}"


def in_words(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:
        return counted(max(1, round(seconds)), "second")
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
