"""The training loop: epochs of steps, each followed by validation, from any state to the end.

Yields events; neither prints nor saves. It stops only between two steps, so the
weights it leaves behind are always consistent.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from tellapart.events import EpochDone, Event, StepDone, Stopped
from tellapart.metrics.validation import USUAL_THRESHOLD, Validation
from tellapart.training.loader import DataLoader
from tellapart.training.optim.native import current_learning_rate
from tellapart.training.state import TrainState
from tellapart.training.step import Step


def run_epochs(
    step: Step,
    loader: DataLoader,
    validate: Callable[[], Validation],
    state: TrainState,
    epochs: int | Callable[[], int],
    should_stop: Callable[[], bool] = lambda: False,
    ends: Callable[[Sequence[EpochDone]], bool] = lambda _: False,
    ends_at_once: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train until `epochs` epochs are finished, `ends` says so after one, or `should_stop` returns True.

    Args:
        step: the training step.
        loader: returns the batch of (epoch, step).
        validate: scores the net with its present weights.
        state: where to begin; updated in place.
        epochs: total number, including those finished before; a function where it may change on the way.
        should_stop: called after every step.
        ends: asked with all epochs finished so far whether the training ends early; see `training.early_end`.
        ends_at_once: asked after every step; True ends the epoch, which is still validated, and the training.

    Yields:
        StepDone after each step, EpochDone after each validation, Stopped if `should_stop` ended it.
    """

    def planned() -> int:
        return epochs() if callable(epochs) else epochs

    while state.epoch < planned() and not ends(state.history) and not ends_at_once():
        began = time.perf_counter()
        while state.step < loader.batches.steps_per_epoch:
            yield _learn_one_batch(step, loader, state, planned())
            if should_stop():
                state.settle()
                yield Stopped(state.epoch, state.step)
                return
            if ends_at_once():
                break
        state.settle()
        rate = _last_learning_rate(step.net.model.optimizer)
        scores = validate()
        done = EpochDone(
            epoch=state.epoch,
            epochs=planned(),
            loss=float(state.loss_sum) / state.pictures,
            accuracy=int(state.right) / state.pictures,
            val_loss=scores.loss,
            val_accuracy=scores.accuracy,
            val_recalls=scores.recalls,
            val_answers=scores.answers,
            learning_rate=rate,
            seconds=time.perf_counter() - began,
            metrics=scores.metrics,
            multi_label=loader.multi_label,
        )
        state.history.append(done)
        state.begin_next_epoch()
        yield done


class BatchLearned(NamedTuple):
    """What came of one batch."""

    loss: Tensor
    """Scalar: the mean over the batch."""

    right: Tensor
    """Images of the batch that are classified correctly."""

    images: int


def learn_from(step: Step, loader: DataLoader, epoch: int, number: int) -> BatchLearned:
    """Learn from the batch of one step, or from this process's share of it; all processes of a team call it."""
    images, targets = loader.batch(epoch, number)
    share = loader.share(number)
    result = step(images, targets, share=share)
    right = count_right(result.output, targets, multi_label=loader.multi_label)
    return BatchLearned(result.loss, loader.sharing.counted(right, share), loader.batches.size(number))


def _learn_one_batch(step: Step, loader: DataLoader, state: TrainState, epochs: int) -> StepDone:
    learned = learn_from(step, loader, state.epoch, state.step)
    state.loss_sum = state.loss_sum + learned.loss.double() * learned.images
    state.right = state.right + learned.right
    state.pictures += learned.images
    state.step += 1
    return StepDone(
        epoch=state.epoch,
        step=state.step - 1,
        steps=loader.batches.steps_per_epoch,
        epochs=epochs,
        loss_sum=state.loss_sum,
        right=state.right,
        pictures=state.pictures,
    )


def count_right(output: Tensor, targets: Tensor, *, multi_label: bool) -> Tensor:
    """Return how many images are classified correctly: in all labels, where an image may have several.

    Args:
        output: (B, classes) probabilities.
        targets: (B, classes), possibly mixed.
        multi_label: whether each column is a label of its own.
    """
    if multi_label:
        return ((output >= USUAL_THRESHOLD) == (targets >= USUAL_THRESHOLD)).all(-1).sum()
    return (output.argmax(-1) == targets.argmax(-1)).sum()


def _last_learning_rate(optimizer: Any) -> float:
    """Return the learning rate of the step just finished: the schedule's value one step back."""
    optimizer.iterations.assign_sub(1)
    rate = float(current_learning_rate(optimizer))
    optimizer.iterations.assign_add(1)
    return rate
