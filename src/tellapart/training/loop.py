"""The loop: epochs of steps, then validation, from wherever a run stands to its end.

Yields events; neither prints nor saves. It stops only between two steps, so the
weights it leaves behind are always whole.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tellapart.events import EpochDone, Event, StepDone, Stopped
from tellapart.metrics.validation import Validation
from tellapart.training.loader import DataLoader
from tellapart.training.optim.native import current_learning_rate
from tellapart.training.state import TrainState
from tellapart.training.step import TrainStep


def run_epochs(
    step: TrainStep,
    feed: DataLoader,
    validate: Callable[[], Validation],
    state: TrainState,
    epochs: int,
    should_stop: Callable[[], bool] = lambda: False,
    target: float | None = None,
) -> Iterator[Event]:
    """Train until `epochs` are finished or somebody asks to stop.

    Args:
        step: learns from a batch.
        feed: gives the batch of (epoch, step).
        validate: scores the net as it is.
        state: where to begin; kept up to date.
        epochs: how many in all, those finished before included.
        should_stop: asked after every step.
        target: validation accuracy at which it is enough, 0 to 1; None: nothing is.

    Yields:
        StepDone after each step, EpochDone after each validation, Stopped at the end of a run that
        was asked to stop.
    """
    while state.epoch < epochs and not reached(state.history, target):
        began = time.perf_counter()
        while state.step < feed.batches.steps_per_epoch:
            yield _learn_one_batch(step, feed, state)
            if should_stop():
                state.settle()
                yield Stopped(state.epoch, state.step)
                return
        state.settle()
        rate = _rate_just_used(step.net.model.optimizer)
        scored = validate()
        done = EpochDone(
            epoch=state.epoch,
            epochs=epochs,
            loss=float(state.loss_sum) / state.pictures,
            accuracy=int(state.right) / state.pictures,
            val_loss=scored.loss,
            val_accuracy=scored.accuracy,
            val_recalls=scored.recalls,
            learning_rate=rate,
            seconds=time.perf_counter() - began,
        )
        state.history.append(done)
        state.begin_next_epoch()
        yield done


def reached(history: Sequence[EpochDone], target: float | None) -> bool:
    """Whether the last epoch's validation accuracy is the target or more."""
    return target is not None and len(history) > 0 and history[-1].val_accuracy >= target


def _learn_one_batch(step: TrainStep, feed: DataLoader, state: TrainState) -> StepDone:
    images, truth = feed.batch(state.epoch, state.step)
    result = step(images, truth)
    state.loss_sum = state.loss_sum + result.loss.double() * len(images)
    state.right = state.right + (result.output.argmax(-1) == truth.argmax(-1)).sum()
    state.pictures += len(images)
    state.step += 1
    return StepDone(
        epoch=state.epoch,
        step=state.step - 1,
        steps=feed.batches.steps_per_epoch,
        loss_sum=state.loss_sum,
        right=state.right,
        pictures=state.pictures,
    )


def _rate_just_used(optimizer: Any) -> float:
    """The learning rate of the step before the one to come: a schedule's value, one step back."""
    optimizer.iterations.assign_sub(1)
    rate = float(current_learning_rate(optimizer))
    optimizer.iterations.assign_add(1)
    return rate
