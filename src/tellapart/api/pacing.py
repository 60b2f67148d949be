"""The steps of a training: of whole epochs, or as a number of minutes planned them, recorded in the run."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tellapart.events import Event, Replanned
from tellapart.lowering import LoweredNet
from tellapart.recipes.build import build_schedule
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.runs.setup import TrainingSetup
from tellapart.training.pace import Clock, Pace
from tellapart.training.shares import BatchShare
from tellapart.training.state import TrainState
from tellapart.training.step import Step, StepResult
from tellapart.training.step_plan import Flat, StepPlan

WORTH_SAYING = 0.1
"""Share of the steps by which a plan must have changed since people were last told."""


class Paced(NamedTuple):
    """What `run_epochs` needs to know of the length of a training."""

    step: Step
    epochs: Callable[[], int]
    is_over: Callable[[], bool]


class _Rebuilt:
    """A training step that is built anew wherever the number of steps in all changes."""

    def __init__(self, net: LoweredNet) -> None:
        self.net = net
        self.step: Step | None = None

    def __call__(self, inputs: Any, targets: Any, *, share: BatchShare | None = None) -> StepResult:
        """Learn from one batch, as the step does."""
        assert self.step is not None
        return self.step(inputs, targets, share=share)


def paced(
    planned: Flat | None,
    epochs: int,
    steps_per_epoch: int,
    state: TrainState,
    net: LoweredNet,
    build: Callable[[int], Step],
    clock: Clock | None = None,
    keep: Callable[[StepPlan, StepPlan, float], None] = lambda *_: None,
) -> Paced:
    """Return the step of a training, and when it is over.

    Args:
        planned: as the configuration keeps it; None: whole epochs.
        epochs: their number where nothing is planned in steps.
        steps_per_epoch: of a whole epoch.
        state: of the training.
        net: that the step trains.
        build: returns the step of a training of so many steps in all.
        clock: that the steps are kept to, where they are.
        keep: as `Pace` calls it.
    """
    if planned is None:
        return Paced(build(epochs * steps_per_epoch), lambda: epochs, lambda: False)
    step = _Rebuilt(net)

    def rebuild(total: int) -> None:
        step.step = build(total)

    pace = Pace(StepPlan.of(planned), state, steps_per_epoch, rebuild, clock, keep)
    if step.step is None:  # nothing is left to do
        rebuild(pace.plan.total)
    return Paced(step, pace.epochs, pace.is_over)


def set_schedule(model: Any, settings: Any, steps: int) -> None:
    """Give a compiled model's optimizer the learning rates of a training of so many steps; its state stays."""
    assert isinstance(settings, OptimizerSettings | MuonSettings)
    model.optimizer.learning_rate = build_schedule(settings, steps)


def keeper(
    setup: TrainingSetup,
    with_plan: Callable[[StepPlan], TrainConfig],
    tell: Callable[[Event], None],
    state: TrainState,
    steps_per_epoch: int,
    measured_seconds: float,
) -> Callable[[StepPlan, StepPlan, float], None]:
    """Return what records a changed plan in the run before a step follows it, and says so where it is much.

    Args:
        setup: of the run.
        with_plan: returns the configuration with a plan.
        tell: hears of it.
        state: of the training.
        steps_per_epoch: of a whole epoch.
        measured_seconds: of a step, beforehand.
    """
    assert setup.minutes is not None
    told = [0]

    def keep(before: StepPlan, after: StepPlan, step_seconds: float) -> None:
        assert setup.minutes is not None
        setup.folder.keep_config(with_plan(after))
        done = state.epoch * steps_per_epoch + state.step
        said = told[0] or before.total
        if done and after.total > done and abs(after.total - said) > WORTH_SAYING * said:
            outlook = setup.minutes.outlook(after.total)
            tell(Replanned(done, said, after.total, step_seconds, measured_seconds, outlook))
        if not done or abs(after.total - said) > WORTH_SAYING * said:
            told[0] = after.total

    return keep
