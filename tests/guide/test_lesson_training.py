"""The sentences of the guide's page on training, live."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tellapart.data.sampler import BatchSampler
from tellapart.guide import small_training as module
from tellapart.guide.contents import named
from tellapart.guide.lessons import training as making
from tellapart.guide.live_training import LiveTraining
from tellapart.guide.server import HOST
from tellapart.guide.small_training import BATCH_SIZE, EPOCHS, RATE, RATES, training
from tellapart.lowering import lower
from tellapart.training.loader import DataLoader
from tellapart.training.step import TrainStep

FACTS = named("training").facts


@pytest.fixture(scope="module")
def recordings():
    return {rate: list(training(rate)) for rate in RATES}


@pytest.mark.proves("step")
@pytest.mark.parametrize("batch", range(5))
def test_a_step_makes_the_network_less_wrong_about_its_digits(batch):
    """The first step, at the page's own rate, on several batches."""
    train, _ = module.digits()
    feed = DataLoader(train, 10, BatchSampler(n=len(train), batch_size=BATCH_SIZE, seed=0), None)
    images, truth = feed.batch(0, batch)
    assert len(images) == BATCH_SIZE
    net = lower(module.network(RATE), "float32")
    step, before = TrainStep(net), [w.copy() for w in net.model.get_weights()]
    first = float(step(images, truth).loss)
    moved = [after - old for old, after in zip(before, net.model.get_weights(), strict=True)]
    assert float(step(images, truth).loss) < first
    assert all(np.any(one != 0) for one in moved)
    assert max(np.abs(one).max() for one in moved) < 0.1


@pytest.mark.proves("epoch", "question")
def test_an_epoch_is_once_through_all_training_digits():
    told = making.counts()
    assert told["steps"] == -(-told["train"] // BATCH_SIZE) == FACTS["steps"]
    assert 4 * told["steps"] == 180
    (fourth,) = [frame.step for frame in itertools.islice(training(), 200) if frame.epoch == 4]
    assert fourth == 180


@pytest.mark.proves("parameters")
def test_its_weights_are_counted():
    weights = module.network(RATE).get_weights()
    assert sum(one.size for one in weights) == FACTS["parameters"] == 1898


@pytest.mark.proves("guesses")
def test_before_the_first_step_it_guesses(recordings):
    assert recordings[RATE][0].accuracy == pytest.approx(0.1, abs=0.03)


@pytest.mark.proves("unseen")
def test_no_test_digit_is_learned_from():
    from tellapart.data.open import open_dataset

    splits = open_dataset("digits").splits
    assert len(splits["test"]) == FACTS["test"]
    assert not set(splits["test"].ids) & set(splits["train"].ids)


@pytest.mark.proves("shape")
def test_the_filters_change_from_random_numbers(recordings):
    first, last = (np.array(recordings[RATE][place].filters) for place in (0, -1))
    assert first.std() > 0.05
    assert np.abs(last - first).max() > 0.3
    other = np.array(next(training(RATE, seed=1)).filters)
    assert not np.array_equal(other, first)


@pytest.mark.proves("seed")
def test_the_same_seed_gives_the_same_numbers(recordings):
    for frame, again in zip(recordings[RATE][:40], training(RATE), strict=False):
        assert frame.to_dict() == again.to_dict()


def test_trainings_that_begin_at_once_do_not_disturb_each_other(recordings):
    first = recordings[RATE][0].to_dict()
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: next(training(RATE)).to_dict(), range(4)))
    assert begun == [first] * 4


@pytest.mark.proves("rates")
def test_the_middle_rate_is_the_best_and_the_recordings_are_true(recordings):
    ends = {rate: frames[-1].accuracy for rate, frames in recordings.items()}
    small, middle, large = (ends[rate] for rate in RATES)
    assert middle > small + 0.1 > large + 0.3
    assert recordings[RATES[0]][-1].accuracy > recordings[RATES[0]][-100].accuracy
    assert max(frame.accuracy for frame in recordings[RATES[-1]]) < 0.5
    assert max(frame["accuracy"] for frame in FACTS["recordings"][str(RATES[-1])]) < 0.5
    assert {frames[-1].epoch for frames in recordings.values()} == {EPOCHS}
    for rate in RATES:
        kept = FACTS["recordings"][str(rate)]
        if rate < 0.1:  # at the largest, rounding decides where it is thrown to
            assert kept[-1]["accuracy"] == pytest.approx(ends[rate], abs=0.02)
        assert kept[0]["filters"] == recordings[rate][0].to_dict()["filters"]


@pytest.mark.proves("recording")
def test_a_recording_is_a_training_by_tellapart(recordings):
    """The larger part of it: later, rounding on another machine may tell."""
    anew = {frame.step: frame.to_dict() for frame in recordings[RATE]}
    for frame in FACTS["recordings"][str(RATE)][:30]:
        other = anew[frame["step"]]
        assert frame["loss"] == pytest.approx(other["loss"], abs=0.02)
        assert frame["accuracy"] == pytest.approx(other["accuracy"], abs=0.02)
        np.testing.assert_allclose(frame["filters"], other["filters"], atol=0.01)


@pytest.mark.proves("live")
def test_what_is_served_is_trained_here_and_now(recordings):
    live, steps = LiveTraining(RATE), 3
    end = time.monotonic() + 60
    for count in range(1, steps + 2):
        while len(told := live.since(0)["frames"]) < count:
            assert time.monotonic() < end
            time.sleep(0.02)
        live.step()
    live.stop()
    assert told == [frame.to_dict() for frame in recordings[RATE][: steps + 1]]
    assert HOST == "127.0.0.1"


@pytest.mark.proves("watched")
def test_a_rate_chosen_by_a_score_on_these_digits_has_a_score_that_is_too_good():
    """Three networks, each right about nine digits of ten, and no better one among them."""
    right = np.random.default_rng(0).random((5_000, len(RATES), FACTS["test"])) < 0.9
    scores = right.mean(-1)  # (choices, networks)
    assert scores.mean() == pytest.approx(0.9, abs=0.001)
    assert scores.max(1).mean() > 0.9 + 0.01


@pytest.mark.proves("noise")
def test_the_loss_goes_up_and_down_with_the_batches(recordings):
    losses = [frame.loss for frame in recordings[RATE][1:]]
    rises = sum(after > before for before, after in itertools.pairwise(losses))
    assert rises > len(losses) / 4
    assert np.mean(losses[-45:]) < np.mean(losses[:45]) / 3
