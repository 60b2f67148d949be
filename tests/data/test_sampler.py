import subprocess
import sys

import numpy as np
import pytest

from tellapart.data.sampler import BatchSampler, epoch_order, step_seed
from tellapart.errors import ConfigError


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_an_epoch_visits_every_row_once(n):
    order = epoch_order(7, 3, n)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_the_order_is_fixed_by_seed_and_epoch_for_good():
    """Written down once: a change here breaks the resuming of every saved run."""
    assert epoch_order(0, 0, 8).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]
    assert epoch_order(2**64 - 1, 5, 8).tolist() == [0, 2, 1, 5, 7, 6, 4, 3]


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_each_row_is_equally_often_at_each_place():
    """Chi-square over 10 rows x 10 places; 81 degrees of freedom, 0.1% quantile at 126."""
    epochs = 3000
    counts = np.zeros((10, 10))
    for epoch in range(epochs):
        counts[np.arange(10), epoch_order(1, epoch, 10)] += 1
    expected = epochs / 10
    assert ((counts - expected) ** 2 / expected).sum() < 126


def test_the_shared_order_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(0, 0, 8)[0] = 1


def test_writing_to_a_batch_changes_no_later_batch():
    batches = BatchSampler(n=10, batch_size=4, seed=0)
    before = batches.rows(0, 0)
    batches.rows(0, 0)[:] = -1
    np.testing.assert_array_equal(batches.rows(0, 0), before)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_last_batch_is_short_and_the_batches_cover_the_epoch(shuffle):
    batches = BatchSampler(n=10, batch_size=4, seed=0, shuffle=shuffle)
    parts = [batches.rows(2, step) for step in range(batches.steps_per_epoch)]
    assert [len(part) for part in parts] == [4, 4, 2]
    expected = epoch_order(0, 2, 10) if shuffle else np.arange(10)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_drop_last_leaves_out_the_short_batch():
    batches = BatchSampler(n=10, batch_size=4, seed=0, drop_last=True)
    assert batches.steps_per_epoch == 2
    with pytest.raises(IndexError, match="0 to 1; got 2"):
        batches.rows(0, 2)


@pytest.mark.parametrize(("n", "steps"), [(1, 1), (4, 1), (5, 2), (8, 2), (50_000, 12_500)])
def test_steps_are_counted_with_the_short_batch(n, steps):
    assert BatchSampler(n=n, batch_size=4, seed=0).steps_per_epoch == steps


def test_the_size_of_a_batch_is_known_without_its_rows():
    batches = BatchSampler(n=10, batch_size=4, seed=0)
    assert (
        [batches.size(step) for step in range(3)]
        == [len(batches.rows(0, step)) for step in range(3)]
        == [4, 4, 2]
    )


def test_a_batch_does_not_depend_on_what_was_asked_before():
    unbroken = BatchSampler(n=100, batch_size=8, seed=3)
    seen = {(epoch, step): unbroken.rows(epoch, step) for epoch in range(6) for step in range(13)}
    epoch_order.cache_clear()
    resumed = BatchSampler(n=100, batch_size=8, seed=3)
    for epoch, step in [(5, 7), (0, 0), (5, 8), (2, 12)]:
        np.testing.assert_array_equal(resumed.rows(epoch, step), seen[epoch, step])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 0}, "at least one row; got n = 0"),
        ({"batch_size": 0}, "batch_size is 1 or more; got 0"),
        ({"seed": -1}, "0 to 2^64 - 1; got -1"),
        ({"seed": 2**64}, "0 to 2^64 - 1"),
        ({"n": 3, "drop_last": True}, "3 rows do not fill one batch of 4"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError) as refusal:
        BatchSampler(**{"n": 10, "batch_size": 4, "seed": 0} | settings)
    assert words in str(refusal.value)


def test_step_seeds_are_fixed_for_good():
    assert step_seed(0, 0, 0) == 4471958607705214174
    assert step_seed(1, 2, 3, rank=4) == 18374276246372963665


def test_step_seeds_differ_by_seed_epoch_step_and_rank():
    keys = [(a, b, c, d) for a in range(4) for b in range(12) for c in range(120) for d in range(2)]
    assert len({step_seed(*key) for key in keys}) == len(keys)


def test_each_bit_of_step_seeds_is_set_half_the_time():
    """4096 seeds: each bit's count within 5 standard deviations, 160, of a half."""
    seeds = np.array([step_seed(0, 0, step) for step in range(4096)], dtype=np.uint64)
    bits = (seeds[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.sum(0).astype(int) - 2048).max() < 160


def test_batches_load_without_torch():
    code = "import sys, tellapart.data.sampler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
