"""Trainings that pages run, pause and step."""

import time

import pytest

from tellapart.guide import live_training as module
from tellapart.guide.live_training import LiveTraining, LiveTrainings
from tellapart.guide.small_training import Frame


def counted(most):
    def frames(rate):
        for step in range(most):
            yield Frame(step, step / 10, 1.0, 0.5, (rate,), (0.1,))

    return frames


def until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_PER_FRAME", 0.001)


def steps(training):
    return [frame["step"] for frame in training.since(0)["frames"]]


def test_it_begins_with_the_untrained_network_and_waits():
    training = LiveTraining(0.05, counted(100))
    until(lambda: steps(training) == [0])
    time.sleep(0.05)
    assert steps(training) == [0]
    assert training.since(0)["running"] is False


def test_a_step_is_one_batch():
    training = LiveTraining(0.05, counted(100))
    until(lambda: steps(training) == [0])
    for count in (1, 2, 3):
        training.step()
        until(lambda count=count: steps(training) == list(range(count + 1)))


def test_it_runs_until_it_is_paused_and_then_goes_on():
    training = LiveTraining(0.05, counted(10_000_000))
    training.run()
    until(lambda: len(steps(training)) > 5)
    training.pause()
    until(lambda: not training.since(0)["running"])
    time.sleep(0.02)
    there = len(steps(training))
    time.sleep(0.05)
    assert len(steps(training)) == there
    training.run()
    until(lambda: len(steps(training)) > there)
    training.stop()


def test_it_says_when_it_is_over():
    training = LiveTraining(0.05, counted(20))
    training.run()
    until(lambda: training.since(0)["over"])
    assert steps(training)[-1] == 19
    assert training.since(0)["running"] is False
    training.run()  # nothing is left
    assert steps(training)[-1] == 19


def test_only_what_is_new_is_told():
    training = LiveTraining(0.05, counted(3))
    training.run()
    until(lambda: training.since(0)["over"])
    frames = training.since(0)["frames"]
    assert training.since(1)["frames"] == frames[1:]
    assert training.since(len(frames))["frames"] == []


def test_what_goes_wrong_is_told():
    def frames(rate):
        yield Frame(0, 0.0, None, 0.1, (rate,), (0.1,))
        raise ValueError("no digits")

    training = LiveTraining(0.05, frames)
    until(lambda: steps(training) == [0])
    assert training.since(0)["error"] is None
    training.step()
    until(lambda: training.since(0)["error"] == "ValueError: no digits")
    assert not training.since(0)["running"]


def test_nobody_watching_pauses_it(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_UNWATCHED", 0.05)
    training = LiveTraining(0.05, counted(10_000_000))
    training.run()
    until(lambda: not training._is_running)
    training.stop()


def test_a_new_training_of_a_page_ends_the_one_before_and_old_pages_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "training", counted(10))
    monkeypatch.setattr(LiveTraining.__init__, "__defaults__", (0.05, counted(10)))
    trainings = LiveTrainings()
    first = trainings.begin("page", 0.05)
    second = trainings.begin("page", 0.5)
    assert trainings.named("page") is second
    assert first._is_stopped
    for index in range(module.MOST_TRAININGS):
        trainings.begin(f"other {index}", 0.05)
    assert trainings.named("page") is None
    until(lambda: not first._thread.is_alive())
    until(lambda: not second._thread.is_alive())
