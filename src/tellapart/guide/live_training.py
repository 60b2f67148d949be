"""Trainings that pages run, pause and step, each in its own thread."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from tellapart.guide.small_training import RATE, Frame, training

BATCHES_PER_FRAME = 3
"""Batches between two frames of a running training; a step is one batch."""

SECONDS_PER_FRAME = 0.12
"""Minimum time between frames, so that an eye can follow."""

SECONDS_UNWATCHED = 20.0
"""Time without a request after which a training pauses."""

SECONDS_TO_END = 5.0
"""Time that a stopped training may take for its last batch."""

MOST_TRAININGS = 8
"""Trainings kept at once; beyond that, the least recently used one is stopped."""


class LiveTraining:
    """One page's training."""

    def __init__(self, rate: float = RATE, frames: Callable[[float], Iterator[Frame]] = training) -> None:
        """Start with the untrained network, paused.

        Args:
            rate: the learning rate.
            frames: yields the frames of a training with a learning rate.
        """
        self.rate = rate
        self._upcoming = frames(rate)
        self._frames: list[Frame] = []
        self._condition = threading.Condition()
        self._is_running, self._steps_due, self._is_over, self._is_stopped = False, 1, False, False
        self._error: str | None = None
        self._requested_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, daemon=True, name="guide-training")
        self._thread.start()

    def run(self) -> None:
        """Run until paused."""
        self._change(running=True)

    def pause(self) -> None:
        """Pause after the current batch."""
        self._change(running=False)

    def step(self) -> None:
        """Train on one batch, then pause."""
        self._change(running=False, steps=1)

    def stop(self) -> None:
        """End the training after the current batch."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify_all()

    @property
    def is_computing(self) -> bool:
        """Whether its thread is alive."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait for a stopped training to end."""
        self._thread.join(seconds)

    def since(self, count: int) -> dict[str, Any]:
        """Return the frames from number `count` on, whether the training is running or over, and its error, if any."""
        with self._condition:
            self._requested_at = time.monotonic()
            return {
                "frames": [frame.to_dict() for frame in self._frames[count:]],
                "running": self._is_running,
                "over": self._is_over,
                "error": self._error,
            }

    def _change(self, running: bool, steps: int = 0) -> None:
        with self._condition:
            self._requested_at = time.monotonic()
            self._is_running, self._steps_due = running, self._steps_due + steps
            self._condition.notify_all()

    def _work(self) -> None:
        while self._may_go_on():
            began = time.monotonic()
            frame, error = self._next()
            with self._condition:
                self._steps_due, self._error = max(0, self._steps_due - 1), error
                if frame is None:
                    self._is_over, self._is_running = True, False
                    return
                self._frames.append(frame)
            time.sleep(max(0.0, began + SECONDS_PER_FRAME - time.monotonic()))

    def _may_go_on(self) -> bool:
        """Wait until there is something to do. Returns False once stopped."""
        with self._condition:
            if time.monotonic() - self._requested_at > SECONDS_UNWATCHED:
                self._is_running = False
            self._condition.wait_for(lambda: self._is_running or self._steps_due or self._is_stopped)
            return not self._is_stopped

    def _next(self) -> tuple[Frame | None, str | None]:
        """Train on some batches. Returns the new frame, None at the end, and the error, if any."""
        with self._condition:
            batches = BATCHES_PER_FRAME if self._is_running and self._frames else 1
        frame = None
        try:
            for _ in range(batches):
                frame = next(self._upcoming, frame)
        except Exception as reason:  # reported to the page: nobody else sees the thread
            return None, f"{type(reason).__name__}: {reason}"
        return frame, None


class LiveTrainings:
    """The trainings of all open pages, by the name that each page chose."""

    def __init__(self) -> None:
        self._trainings: OrderedDict[str, LiveTraining] = OrderedDict()
        self._stopped: list[LiveTraining] = []
        self._lock = threading.Lock()

    def begin(self, name: str, rate: float) -> LiveTraining:
        """Start a training under a name; the previous one of that name is stopped."""
        with self._lock:
            if (old := self._trainings.pop(name, None)) is not None:
                self._stop(old)
            while len(self._trainings) >= MOST_TRAININGS:
                self._stop(self._trainings.popitem(last=False)[1])
            self._trainings[name] = LiveTraining(rate)
            return self._trainings[name]

    def end(self) -> None:
        """Stop all trainings: a thread that still computes when Python exits would crash it."""
        with self._lock:
            for training in self._trainings.values():
                self._stop(training)
            for training in self._stopped:
                training.wait(SECONDS_TO_END)
            self._trainings.clear()

    def _stop(self, training: LiveTraining) -> None:
        training.stop()
        self._stopped = [each for each in self._stopped if each.is_computing] + [training]

    def named(self, name: str) -> LiveTraining | None:
        """Return the training of that name, or None."""
        with self._lock:
            if name in self._trainings:
                self._trainings.move_to_end(name)
            return self._trainings.get(name)
