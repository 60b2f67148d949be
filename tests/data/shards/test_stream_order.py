"""The order of pictures in shards: each once an epoch, the same for any number of processes, from any step on."""

import numpy as np
import pytest

from tellapart.data.shards.order import LANES, StreamOrder
from tellapart.errors import ConfigError

COUNTS = np.array([7, 0, 13, 5, 9, 11, 1, 8, 10, 6, 12, 3] * 4)


def order_of(batch_size=10, **changes):
    return StreamOrder(**{"counts": COUNTS, "batch_size": batch_size, "seed": 3, "window": 80, **changes})


def rows_of(order, epoch=0):
    return [order.rows(epoch, step) for step in range(order.steps_per_epoch)]


@pytest.mark.parametrize("batch_size", [1, 3, 8, 10, 16, 37, 170, 340, 1000])
def test_an_epoch_visits_each_picture_once(batch_size):
    rows = rows_of(order_of(batch_size))
    assert sorted(np.concatenate(rows)) == list(range(COUNTS.sum()))
    assert {len(each) for each in rows[:-1]} <= {batch_size}


@pytest.mark.parametrize("batch_size", [8, 10, 37])
@pytest.mark.parametrize("world_size", [2, 3, 4, 8])
def test_the_batch_is_the_same_for_any_number_of_processes(batch_size, world_size):
    order = order_of(batch_size)
    for step, whole in enumerate(rows_of(order)):
        size = order.size(step)
        assert size == len(whole)
        blocks = [
            slice(size * rank // world_size, size * (rank + 1) // world_size) for rank in range(world_size)
        ]
        places = [order.places(0, step, block) for block in blocks]
        alone = order.places(0, step)
        assert np.array_equal(np.concatenate([part.pieces for part in places]), alone.pieces)
        assert np.array_equal(np.concatenate([part.rows for part in places]), alone.rows)


def test_any_step_can_be_computed_by_itself():
    rows = rows_of(order_of(), epoch=2)
    assert np.array_equal(order_of().rows(2, 21), rows[21])


def test_epochs_and_seeds_have_orders_of_their_own():
    first, second = (np.concatenate(rows_of(order_of(), epoch)) for epoch in (0, 1))
    other = np.concatenate(rows_of(order_of(seed=4)))
    assert np.mean(first == second) < 0.1
    assert np.mean(first == other) < 0.1


def test_a_window_has_another_order_in_every_epoch():
    order = order_of(batch_size=8, counts=np.array([100]))
    first, second = (np.concatenate(rows_of(order, epoch)) for epoch in (0, 1))
    assert np.mean(first == second) < 0.2


def test_a_place_is_a_row_of_its_piece():
    order = order_of()
    for step in range(order.steps_per_epoch):
        places = order.places(1, step)
        assert (places.rows < COUNTS[places.pieces]).all()
        firsts = np.cumsum(COUNTS) - COUNTS
        assert np.array_equal(firsts[places.pieces] + places.rows, order.rows(1, step))


def test_the_wanted_pieces_hold_the_pictures_of_the_step_and_of_those_ahead():
    order = order_of()
    for step in range(order.steps_per_epoch - 3):
        wanted = set(order.wanted(0, step, 3))
        for later in range(step, step + 4):
            assert set(order.places(0, later).pieces.tolist()) <= wanted


def test_no_more_than_a_window_of_every_lane_is_open():
    counts = np.full(1000, 20)
    order = StreamOrder(counts=counts, batch_size=16, seed=0, window=800)
    for step in range(0, order.steps_per_epoch, 7):
        open_pictures = counts[order.wanted(0, step)].sum()
        assert open_pictures <= 2 * (800 + LANES * 20)


def test_processes_read_hardly_any_pieces_that_others_read():
    counts = np.full(800, 25)
    read = []
    order = StreamOrder(counts=counts, batch_size=32, seed=0, window=800)
    for rank in range(4):
        block = slice(8 * rank, 8 * rank + 8)
        read.append(
            {piece for step in range(order.steps_per_epoch) for piece in order.wanted(0, step, 0, block)}
        )
    assert sum(map(len, read)) <= len(counts) + LANES
    assert set.union(*read) == set(range(len(counts)))


def test_a_batch_draws_from_many_shards():
    """Class-sorted shards: a batch must not be of one class."""
    counts = np.full(1000, 50)
    order = StreamOrder(counts=counts, batch_size=128, seed=0, window=8000)
    classes = [np.unique(order.rows(0, step) // 5000) for step in range(order.steps_per_epoch)]
    assert min(map(len, classes)) >= 8


def test_fewer_pictures_an_epoch_are_whole_batches_of_it():
    order = order_of(rows_per_epoch=25)
    assert order.steps_per_epoch == 3
    assert np.array_equal(order.rows(0, 2), order_of().rows(0, 2))


def test_settings_out_of_range_are_refused():
    for wrong in (
        {"batch_size": 0},
        {"counts": np.zeros(3, int)},
        {"rows_per_epoch": 0},
    ):
        with pytest.raises(ConfigError):
            order_of(**wrong)
    with pytest.raises(IndexError):
        order_of().rows(0, 10**6)
