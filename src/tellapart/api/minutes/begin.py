"""A training with a number of minutes from its data to its setup, and what became of its forecast at the end."""

import dataclasses
from collections.abc import Callable, Sequence

from tellapart.api.finish import TrainingResult
from tellapart.api.listener import Listener
from tellapart.api.minutes.deadline import Deadline
from tellapart.api.minutes.plan import planned
from tellapart.api.minutes.target import tell_target
from tellapart.data.dataset import Dataset
from tellapart.recipes.auto import Choice, otherwise
from tellapart.recipes.config import TrainConfig
from tellapart.runs.event_log import LOG, read_log
from tellapart.runs.forecast import FORECAST, OUTCOME, forecast_in, held_out_accuracy
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.runs.setup import TrainingSetup


def in_minutes(
    config: TrainConfig,
    choice: Choice,
    configured_by: Callable[[str], TrainConfig],
    dataset: Dataset,
    deadline: Deadline | None,
    listener: Listener,
) -> tuple[TrainConfig, MinutesPlan | None]:
    """Return the configuration for a number of minutes and its plan; where there are none, the configuration as it is.

    Args:
        config: complete, of the chosen recipe.
        choice: of the recipe; with a reason where `auto` chose it, so that another may be taken for lack of time.
        configured_by: returns the complete configuration of another recipe.
        dataset: as opened.
        deadline: of the command.
        listener: is told what was measured, chosen and forecast.

    Raises:
        ConfigError: there is no time even for the quickest training, or nothing to forecast by.
    """
    if deadline is None:
        tell_target(config, dataset, listener)
        return config, None
    other = otherwise(choice, dataset) if choice.reason else None
    configs: Sequence[TrainConfig] = [config] if other is None else [config, configured_by(other)]
    return planned(configs, dataset, deadline, listener)


def with_plan(setup: TrainingSetup, plan: MinutesPlan | None) -> TrainingSetup:
    """Return the setup with its plan, which is also written down in the run.

    Raises:
        SaveError: the disk is full.
    """
    if plan is None:
        return setup
    setup.folder.keep_forecast(plan.forecast.to_dict())
    setup.folder.log(FORECAST, plan.forecast.to_dict())
    return dataclasses.replace(setup, minutes=plan)


def with_outcome(result: TrainingResult, setup: TrainingSetup, deadline: Deadline | None) -> TrainingResult:
    """Return the result of a training with its forecast and what became of it, which is also written down.

    Raises:
        SaveError: the disk is full.
    """
    lines, _ = read_log(setup.folder.path / LOG)
    if deadline is not None and setup.minutes is not None:
        accuracy, forecast = held_out_accuracy(lines, of_best=setup.config.keeps_best), setup.minutes.forecast
        inside = None if accuracy is None else forecast.low <= accuracy <= forecast.high
        outcome = {"accuracy": accuracy, "seconds": deadline.passed, "inside": inside}
        setup.folder.log(OUTCOME, outcome)
        lines = (*lines, {"event": OUTCOME, **outcome})
    return dataclasses.replace(result, forecast=forecast_in(lines))
