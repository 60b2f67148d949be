"""Live: trainings that pages run, pause and step, each in a thread of its own."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from tellapart.guide.small_training import RATE, Frame, training

BATCHES_OF_A_FRAME = 3
"""Learned from between two frames while it runs; one where it is stepped."""

SECONDS_OF_A_FRAME = 0.12
"""At least: so that an eye can follow."""

SECONDS_UNWATCHED = 20.0
"""After which a training that nobody asks about pauses."""

SECONDS_TO_END = 5.0
"""That one may take for its last batch."""

MOST_TRAININGS = 8
"""Kept at once; of more, the one that was asked about longest ago is given up."""


class LiveTraining:
    """One training, as one page sees it."""

    def __init__(self, rate: float = RATE, frames: Callable[[float], Iterator[Frame]] = training) -> None:
        """Begins with the untrained network, and pauses.

        Args:
            rate: the learning rate.
            frames: gives the frames at a rate.
        """
        self.rate = rate
        self._coming = frames(rate)
        self._frames: list[Frame] = []
        self._condition = threading.Condition()
        self._is_running, self._owed, self._is_over, self._is_given_up = False, 1, False, False
        self._error: str | None = None
        self._asked_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, daemon=True, name="guide-training")
        self._thread.start()

    def run(self) -> None:
        """Go on until somebody pauses it."""
        self._change(running=True)

    def pause(self) -> None:
        """Stop after the batch that is being learned."""
        self._change(running=False)

    def step(self) -> None:
        """Learn from one batch, and pause."""
        self._change(running=False, owed=1)

    def give_up(self) -> None:
        """End it, after the batch that is being learned."""
        with self._condition:
            self._is_given_up = True
            self._condition.notify_all()

    @property
    def is_computing(self) -> bool:
        """Whether its thread has not ended."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Until one that was given up has ended."""
        self._thread.join(seconds)

    def since(self, count: int) -> dict[str, Any]:
        """What is new: the frames from number `count` on, and whether it runs, is over, or has failed, and of what."""
        with self._condition:
            self._asked_at = time.monotonic()
            return {
                "frames": [frame.to_dict() for frame in self._frames[count:]],
                "running": self._is_running,
                "over": self._is_over,
                "error": self._error,
            }

    def _change(self, running: bool, owed: int = 0) -> None:
        with self._condition:
            self._asked_at = time.monotonic()
            self._is_running, self._owed = running, self._owed + owed
            self._condition.notify_all()

    def _work(self) -> None:
        while self._may_go_on():
            began = time.monotonic()
            frame, error = self._next()
            with self._condition:
                self._owed, self._error = max(0, self._owed - 1), error
                if frame is None:
                    self._is_over, self._is_running = True, False
                    return
                self._frames.append(frame)
            time.sleep(max(0.0, began + SECONDS_OF_A_FRAME - time.monotonic()))

    def _may_go_on(self) -> bool:
        """Waits until there is something to do; False once it is given up."""
        with self._condition:
            if time.monotonic() - self._asked_at > SECONDS_UNWATCHED:
                self._is_running = False
            self._condition.wait_for(lambda: self._is_running or self._owed or self._is_given_up)
            return not self._is_given_up

    def _next(self) -> tuple[Frame | None, str | None]:
        """The frame after some batches, None at the end; and why there is none, where it failed."""
        with self._condition:
            batches = BATCHES_OF_A_FRAME if self._is_running and self._frames else 1
        frame = None
        try:
            for _ in range(batches):
                frame = next(self._coming, frame)
        except Exception as reason:  # told to the page; the thread has nobody else to tell
            return None, f"{type(reason).__name__}: {reason}"
        return frame, None


class LiveTrainings:
    """Those of all pages that are open, by the name that each page gives its own."""

    def __init__(self) -> None:
        self._trainings: OrderedDict[str, LiveTraining] = OrderedDict()
        self._given_up: list[LiveTraining] = []
        self._lock = threading.Lock()

    def begin(self, name: str, rate: float) -> LiveTraining:
        """A new training under that name; the one before it is given up."""
        with self._lock:
            if (old := self._trainings.pop(name, None)) is not None:
                self._give_up(old)
            while len(self._trainings) >= MOST_TRAININGS:
                self._give_up(self._trainings.popitem(last=False)[1])
            self._trainings[name] = LiveTraining(rate)
            return self._trainings[name]

    def end(self) -> None:
        """Of all; a thread that still computes when Python ends would crash it."""
        with self._lock:
            for training in self._trainings.values():
                self._give_up(training)
            for training in self._given_up:
                training.wait(SECONDS_TO_END)
            self._trainings.clear()

    def _give_up(self, training: LiveTraining) -> None:
        training.give_up()
        self._given_up = [one for one in self._given_up if one.is_computing] + [training]

    def named(self, name: str) -> LiveTraining | None:
        """The training of that name, if there is one."""
        with self._lock:
            if name in self._trainings:
                self._trainings.move_to_end(name)
            return self._trainings.get(name)
