"""Fine-tuning in the time that is left: its steps planned, before the first, from how long the features took."""

from dataclasses import replace

from tellapart.data.sampler import BatchSampler
from tellapart.profiling.flops import Flops
from tellapart.recipes.transfer_settings import FineTuning
from tellapart.runs.event_log import LOG, read_log
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.runs.setup import TrainingSetup
from tellapart.training.pace import Clock
from tellapart.training.step_plan import StepPlan


def tuning_in_time(
    setup: TrainingSetup, minutes: MinutesPlan, settings: FineTuning, batches: BatchSampler, flops: Flops
) -> tuple[FineTuning, Clock] | None:
    """Return the settings with as many steps as there is time for, at most the recipe's epochs, and their clock.

    Args:
        setup: of the transfer, its features computed.
        minutes: its plan.
        settings: of the recipe.
        batches: of a whole epoch.
        flops: of the network.

    Returns:
        None where there is no time for a whole epoch.
    """
    picture = _feature_seconds(setup)
    held_out, train = len(setup.validation), batches.n
    views = 2 if setup.config.head is not None and setup.config.head.mirror else 1
    # Afterwards: held-out pictures in their views, then all features anew, then the end that was planned.
    closing = (held_out * (views + 1) + train) * picture + minutes.clock.closing_seconds
    step = picture * settings.batch_size * flops.step / flops.forward
    clock = Clock(minutes.clock.ends_at, step, held_out * picture, closing, settings.epochs)
    steps = int(
        (clock.ends_at - clock.now() - closing) / (step + clock.validation_seconds / batches.steps_per_epoch)
    )
    if steps < batches.steps_per_epoch:
        return None
    plan = StepPlan(((0, min(steps, settings.epochs * batches.steps_per_epoch)),))
    epochs = plan.epochs(batches.steps_per_epoch)
    return replace(settings, planned_steps=plan.flat, epochs=epochs), clock


def _feature_seconds(setup: TrainingSetup) -> float:
    """Return the seconds of one picture's features, as this run computed them."""
    lines, _ = read_log(setup.folder.path / LOG)
    done = [line for line in lines if line["event"] == "FeaturesDone"]
    seconds = sum(line["seconds"] for line in done)
    return float(seconds) / max(1, sum(line["pictures"] * line["views"] for line in done))
