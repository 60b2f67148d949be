"""Pace: the step plan of a training that must be over at a time, kept to the clock while it runs.

Steps are planned from the time that is left and the time that a step takes; now and then, at shares of the time, and
not after every step, both are looked at again. What is planned is handed on to be recorded before a step follows it, so
that without the clock the same steps can be done again. Knows nothing of networks and folders.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tellapart.training.state import TrainState
from tellapart.training.step_plan import StepPlan

LOOKS = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
"""Shares of the training's time at which the plan is compared with the clock."""

LEAST_CHANGE = 0.02
"""Share of the steps by which a new plan must differ from the old one: every change bends the learning rate."""


@dataclass(slots=True)
class Clock:
    """When a command must be over, and how long its parts take, as measured beforehand."""

    ends_at: float
    """Seconds of `now`."""

    step_seconds: float
    validation_seconds: float
    """Of one scoring after an epoch."""

    closing_seconds: float
    """From the last step to the end of the command, the last scoring included."""

    most_epochs: int
    """Beyond which nothing is planned, however much time there is."""

    now: Callable[[], float] = time.monotonic


class Pace:
    """Ends a training by its plan; with a clock, also changes the plan."""

    def __init__(
        self,
        plan: StepPlan,
        state: TrainState,
        steps_per_epoch: int,
        rebuild: Callable[[int], None],
        clock: Clock | None = None,
        keep: Callable[[StepPlan, StepPlan, float], None] = lambda *_: None,
    ) -> None:
        """Begin at the state's step.

        Args:
            plan: how many steps there are in all.
            state: of the training, as the loop updates it.
            steps_per_epoch: of whole epochs.
            rebuild: called with the steps in all, at the first step and wherever they change.
            clock: that the plan is kept to; None: the plan stays.
            keep: called with the plan before, the new one and the seconds of a step, before a step follows it.
        """
        self.plan, self.state, self.steps_per_epoch, self.clock = plan, state, steps_per_epoch, clock
        self._rebuild, self._keep = rebuild, keep
        self._built_for = 0
        self._looks = list(LOOKS)
        self._steps_seen = -1
        if clock is not None:
            self._began = self._seen_at = clock.now()
            self._step_seconds, self._validation_seconds = clock.step_seconds, clock.validation_seconds
            self._since: _Moment | None = None
            self._first: _Moment | None = None
            self._slower = 1.0
            self._change(self._affordable(clock))
        self._take_up()

    @property
    def done(self) -> int:
        """Steps finished, of the whole training."""
        return self.state.epoch * self.steps_per_epoch + self.state.step

    def epochs(self) -> int:
        """Return the number of epochs, the last of them perhaps a part of one."""
        return self.plan.epochs(self.steps_per_epoch)

    def is_over(self) -> bool:
        """Return whether the last step is done; to be asked after every step, and after every scoring."""
        if self.clock is not None:
            self._look_at(self.clock)
        self._take_up()
        return self.done >= self.plan.total

    def _take_up(self) -> None:
        """Build the step for the plan that holds now, where it is not built for it."""
        if self.done < self.plan.total and (total := self.plan.at(self.done)) != self._built_for:
            self._built_for = total
            self._rebuild(total)

    def _look_at(self, clock: Clock) -> None:
        """Compare the plan with the clock, where it is time for that; end where there is none left."""
        now = clock.now()
        if self.done == self._steps_seen:
            self._validation_seconds = now - self._seen_at
            self._since, self._first = (
                None if each is None else each.later_by(self._validation_seconds)
                for each in (self._since, self._first)
            )
        self._seen_at, self._steps_seen = now, self.done
        if self.done >= self.plan.total:
            return
        if self._since is None and self.done:  # the first step is slower than the others
            self._since = self._first = self._moment(clock)
        left = self._left(clock)
        if left < self._step_seconds / 2:
            self._change(self.done)
            return
        share = (now - self._began) / (now - self._began + left)
        if self._looks and share >= self._looks[0]:
            self._looks = [each for each in self._looks if each > share]
            self._measure(clock)
            self._plan_anew(clock)

    def _measure(self, clock: Clock) -> None:
        """Take the mean of the steps since the last look, and how much slower all were than measured beforehand."""
        now = self._moment(clock)
        if self._since is None or self._first is None or now.step == self._since.step:
            return
        self._step_seconds = now.seconds_a_step(self._since)
        self._slower = max(1.0, now.seconds_a_step(self._first) / clock.step_seconds)
        self._since = now

    def _moment(self, clock: Clock) -> "_Moment":
        self.state.settle()  # waits for a GPU, whose steps are otherwise still to come
        return _Moment(clock.now(), self.done)

    def _affordable(self, clock: Clock) -> int:
        """Return the steps in all that there is time for, at least one more."""
        step = self._step_seconds + self._validation_seconds / self.steps_per_epoch
        total = self.done + max(1, int(self._left(clock) / step))
        return min(total, clock.most_epochs * self.steps_per_epoch)

    def _plan_anew(self, clock: Clock) -> None:
        """Plan as many steps as there is time for, where their number has changed enough."""
        total = self._affordable(clock)
        if abs(total - self.plan.total) > LEAST_CHANGE * self.plan.total:
            self._change(total)

    def _change(self, total: int) -> None:
        before, self.plan = self.plan, self.plan.changed(self.done, total)
        self._keep(before, self.plan, self._step_seconds)

    def _left(self, clock: Clock) -> float:
        """Return the seconds that are left for steps; a machine that is slower on the whole closes more slowly too."""
        return clock.ends_at - clock.now() - self._slower * clock.closing_seconds


class _Moment(NamedTuple):
    """When so many steps were finished; scorings in between are counted out."""

    seconds: float
    step: int

    def later_by(self, seconds: float) -> "_Moment":
        """Return the moment as if so much time had not passed."""
        return _Moment(self.seconds + seconds, self.step)

    def seconds_a_step(self, before: "_Moment") -> float:
        """Return the mean of the steps since an earlier moment."""
        return (self.seconds - before.seconds) / (self.step - before.step)
