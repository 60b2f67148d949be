"""A training ends on time whatever the machine does, and its steps can be done again without the clock."""

import pytest

from tellapart.errors import ConfigError
from tellapart.training.pace import Clock, Pace
from tellapart.training.state import TrainState
from tellapart.training.step_plan import StepPlan

STEPS_PER_EPOCH, VALIDATION, CLOSING, END = 20, 0.5, 3.0, 100.0
PLAN = StepPlan(((0, 100),))


class Machine:
    """A machine of known speed, its clock, and a training that runs on it as `run_epochs` does."""

    def __init__(self, seconds_of_step, measured=0.2):
        self.time, self.seconds_of_step = 0.0, seconds_of_step
        self.clock = Clock(END, measured, VALIDATION, CLOSING, 200, lambda: self.time)

    def trained(self, plan=PLAN, clock=True):
        """Train to the end; return the pace, and for each step the steps in all that its rate was built for."""
        state, built, rates = TrainState(), [], []
        self.kept = [plan]
        pace = Pace(
            plan,
            state,
            STEPS_PER_EPOCH,
            built.append,
            self.clock if clock else None,
            lambda _, new, __: self.kept.append(new),
        )
        while state.epoch < pace.epochs() and not pace.is_over():
            while state.step < STEPS_PER_EPOCH:
                rates.append(built[-1])
                self.time += self.seconds_of_step(len(rates))
                state.step += 1
                if pace.is_over():
                    break
            self.time += VALIDATION
            state.begin_next_epoch()
        return pace, rates


MACHINES = {
    "as measured": lambda _: 0.2,
    "twice as slow as measured": lambda _: 0.4,
    "three times as fast as measured": lambda _: 0.2 / 3,
    "slower from the middle on": lambda step: 0.2 if step < 200 else 0.6,
    "faster from the middle on": lambda step: 0.2 if step < 200 else 0.1,
    "slow at the first step": lambda step: 5.0 if step == 1 else 0.2,
    "stuck after the last look": lambda step: 0.2 if step < 440 else 1.5,
    "busy now and then": lambda step: 0.2 if step % 7 else 1.0,
}


@pytest.mark.parametrize("machine", MACHINES)
def test_it_ends_on_time_with_the_rate_at_its_end(machine):
    it = Machine(MACHINES[machine])
    pace, rates = it.trained()
    mean = sum(map(it.seconds_of_step, range(2, len(rates) + 1))) / (len(rates) - 1)
    closing = (CLOSING - VALIDATION) * max(1.0, mean / 0.2)  # a slow machine also closes slowly
    assert it.time + closing == pytest.approx(END, rel=0.05)
    assert len(rates) == pace.plan.total
    assert rates[-1] == pytest.approx(len(rates), rel=0.05)  # a rate that falls to 0 is then near 0


@pytest.mark.parametrize("machine", MACHINES)
def test_without_the_clock_the_recorded_plan_gives_the_same_steps_at_the_same_rates(machine):
    it = Machine(MACHINES[machine])
    pace, rates = it.trained()
    again, same_rates = Machine(lambda _: 99.0).trained(StepPlan.of(pace.plan.flat), clock=False)
    assert same_rates == rates
    assert again.epochs() == pace.epochs()


def test_a_plan_is_kept_before_a_step_follows_it():
    it = Machine(MACHINES["slower from the middle on"])
    pace, _ = it.trained()
    assert it.kept[-1] == pace.plan
    assert all(
        len(after.changes) - len(before.changes) <= 1
        for before, after in zip(it.kept, it.kept[1:], strict=False)
    )


def test_a_steady_machine_is_planned_for_once():
    it = Machine(MACHINES["as measured"])
    pace, _ = it.trained(StepPlan(((0, 430),)))
    assert len(pace.plan.changes) <= 2


def test_no_more_epochs_than_the_most_are_planned():
    it = Machine(lambda _: 0.001)
    it.clock.most_epochs = 3
    _, rates = it.trained()
    assert len(rates) == 3 * STEPS_PER_EPOCH


def test_there_is_one_step_even_without_time():
    it = Machine(lambda _: 60.0)
    it.time = 99.0
    assert len(it.trained()[1]) == 1


@pytest.mark.parametrize(
    "flat", [(), (0,), (5, 10), (0, 10, 3), (0, 10, 0, 12), (0, 10, 10, 12), (0, 0), (0, 20, 5, 4)]
)
def test_numbers_that_are_no_plan_are_refused(flat):
    with pytest.raises(ConfigError, match="planned_steps are pairs"):
        StepPlan.of(flat)


def test_a_plan_survives_being_written_down():
    plan = StepPlan(((0, 450),)).changed(120, 430).changed(300, 500).changed(300, 400)
    assert StepPlan.of(plan.flat) == plan
    assert [plan.at(step) for step in (0, 119, 120, 299, 300)] == [450, 450, 430, 430, 400]
    assert (plan.total, plan.epochs(49)) == (400, 9)
