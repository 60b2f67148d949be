"""Rates: Keras's schedules at a step, computed where the weights are. Keras is the oracle."""

import pytest
import torch

from tellapart.keras_backend import import_keras
from tellapart.training.optim.schedules import rate_in_place

keras = import_keras()
schedules = keras.optimizers.schedules

SCHEDULES = {
    "the tutorial's decay": lambda: schedules.InverseTimeDecay(1e-4, 1, 1e-6),
    "a decay by steps": lambda: schedules.InverseTimeDecay(1e-2, 40, 0.5, staircase=True),
    "one cycle": lambda: schedules.CosineDecay(0.0, 90, warmup_target=1e-3, warmup_steps=10),
    "a fall to a floor": lambda: schedules.CosineDecay(1e-2, 60, alpha=0.1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_gives_keras_rate_at_every_step(name):
    optimizer = keras.optimizers.SGD(SCHEDULES[name]())
    optimizer.build([keras.Variable([1.0])])
    for step in (0, 1, 5, 9, 10, 11, 39, 40, 59, 60, 61, 99, 100, 140):
        optimizer.iterations.assign(step)
        expected = float(optimizer._get_current_learning_rate())
        rate = rate_in_place(optimizer)
        assert rate is not None
        assert rate.dtype == torch.float32
        assert float(rate) == pytest.approx(expected, rel=1e-5, abs=1e-9), step


def test_a_rate_without_schedule_is_what_it_was_set_to_last():
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build([keras.Variable([1.0])])
    optimizer.learning_rate = 0.25
    assert float(rate_in_place(optimizer)) == 0.25


def test_an_unknown_schedule_is_left_to_keras():
    class Own(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

    optimizer = keras.optimizers.SGD(Own())
    optimizer.build([keras.Variable([1.0])])
    assert rate_in_place(optimizer) is None
    optimizer = keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 1, 0.9))
    optimizer.build([keras.Variable([1.0])])
    assert rate_in_place(optimizer) is None
