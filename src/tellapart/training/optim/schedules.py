"""Learning-rate schedules computed on the device of the weights, without the host.

Keras's schedules turn Python numbers into tensors at every call, which waits for a GPU. The schedules of
the recipes are implemented here; Keras is the oracle.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tellapart.keras_internals import is_keras_class, rate_setting, steps_taken


def rate_in_place(optimizer: Any) -> Tensor | None:
    """Return the learning rate of the next step, a float32 scalar on the device of the optimizer's state.

    Args:
        optimizer: a built Keras optimizer.

    Returns:
        The rate; None if its schedule is not implemented here.
    """
    rate = rate_setting(optimizer)
    if hasattr(rate, "value"):
        return rate.value.detach().float()
    form = _FORMS.get(type(rate).__name__) if is_keras_class(type(rate)) else None
    return None if form is None else form(rate, steps_taken(optimizer).value.float())


def inverse_time(schedule: Any, step: Tensor) -> Tensor:
    """Return keras.optimizers.schedules.InverseTimeDecay at a step, a scalar."""
    passed = step / schedule.decay_steps
    passed = passed.floor() if schedule.staircase else passed
    return schedule.initial_learning_rate / (1 + schedule.decay_rate * passed)


def cosine(schedule: Any, step: Tensor) -> Tensor:
    """Return keras.optimizers.schedules.CosineDecay at a step, a scalar."""
    first, warm = schedule.initial_learning_rate, schedule.warmup_steps
    highest = first if schedule.warmup_target is None else schedule.warmup_target
    if schedule.warmup_target is None:
        return _down(schedule, highest, step)
    climbing = first + (highest - first) * step / max(warm, 1)
    return torch.where(step < warm, climbing, _down(schedule, highest, step - warm))


def _down(schedule: Any, highest: float, step: Tensor) -> Tensor:
    share = (step / schedule.decay_steps).clamp(max=1)
    return highest * ((1 - schedule.alpha) * 0.5 * (1 + torch.cos(math.pi * share)) + schedule.alpha)


_FORMS: dict[str, Callable[[Any, Tensor], Tensor]] = {"InverseTimeDecay": inverse_time, "CosineDecay": cosine}
